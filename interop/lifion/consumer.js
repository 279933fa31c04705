// One real lifion-kinesis consumer as a process. Its options are the first argument, as JSON; the
// file in the second gets a line for each record, of the form that `kinfolk consume` writes, a batch
// in one write. SIGTERM stops it as its users would, and lets what is under way come out first.
'use strict';

const fs = require('fs');
const { Writable } = require('stream');
const Kinesis = require('lifion-kinesis');

const [options, file] = [JSON.parse(process.argv[2]), process.argv[3]];
const out = fs.openSync(file, 'a');
let worker = '';

// The library tells its consumer id nowhere but in its log.
function debug(text) {
  const registered = /^The consumer "(.*)" is now registered/.exec(text);
  if (registered) worker = registered[1];
}
const say = (level) => (...what) => console.error(new Date().toISOString(), level, ...what);

const consumer = new Kinesis({
  ...options,
  shouldParseJson: false,
  logger: { debug, warn: say('warn'), error: say('error') },
});

function line(shard, record) {
  const { approximateArrivalTimestamp: arrival, data, partitionKey, sequenceNumber } = record;
  return JSON.stringify({
    shard,
    sequence: sequenceNumber,
    sub_sequence: 0,
    partition_key: partitionKey,
    arrival: arrival instanceof Date ? arrival.toISOString() : null,
    worker,
    epoch: 0,
    data: Buffer.isBuffer(data) ? data.toString('utf8') : data,
  });
}

consumer.on('error', say('emitted'));
consumer.pipe(
  new Writable({
    objectMode: true,
    write({ shardId, records }, _encoding, done) {
      fs.writeSync(out, records.map((record) => `${line(shardId, record)}\n`).join(''));
      done();
    },
  })
);

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// What is under way while it is stopped arms its timers again, and after a shard has ended stopping
// throws half-way: so it is stopped several times.
async function stop() {
  for (let times = 0; times < 4; times += 1) {
    try {
      consumer.stopConsumer();
    } catch (error) {
      say('warn')('stopConsumer threw:', error.message);
    }
    await wait(150);
  }
  process.exit(0);
}

process.on('SIGTERM', stop);
// Its parent is gone.
process.on('disconnect', () => process.exit(1));
consumer.startConsumer().then(
  () => process.send && process.send({ ready: worker }),
  (error) => {
    say('error')('cannot start:', error);
    process.exit(1);
  }
);
