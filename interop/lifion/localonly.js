// A preload (`node -r`). The library's fan-out request goes to kinesis.<region>.amazonaws.com, whatever
// the endpoint says; only its port and scheme are kept. That name is this machine here, and every
// other one is refused.
'use strict';

const dns = require('dns');

const { lookup } = dns;
dns.lookup = (name, options, callback) => {
  const [settings, done] = typeof options === 'function' ? [{}, options] : [options, callback];
  const here = /^kinesis\..*amazonaws\.com$/.test(name) || name === 'localhost';
  const host = here ? '127.0.0.1' : name;
  if (/^127\./.test(host)) return lookup(host, settings, done);
  process.nextTick(done, Object.assign(new Error(`blocked ${host}`), { code: 'ENOTFOUND' }));
  return {};
};
