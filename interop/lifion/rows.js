// Each row of docs/protocol.md, section 2.5: what the library does, shown with its own modules and
// processes, and that what ours does about it holds.
'use strict';

const { main } = require('./common');

main('what lifion-kinesis does, and what ours does about it', {
  ...require('./rows/leases'),
  ...require('./rows/eviction'),
  ...require('./rows/checkpoints'),
  ...require('./rows/shards'),
  ...require('./rows/resets'),
  ...require('./rows/slots'),
}, { most: 8 });
