// The library's own modules, driven one step at a time by the parent process: its state store, its
// lease manager and its heartbeat manager, with a clock that can be set.
'use strict';

const { generate } = require('short-uuid');
const HeartbeatManager = require('lifion-kinesis/lib/heartbeat-manager');
const KinesisClient = require('lifion-kinesis/lib/kinesis-client');
const LeaseManager = require('lifion-kinesis/lib/lease-manager');
const StateStore = require('lifion-kinesis/lib/state-store');
const stream = require('lifion-kinesis/lib/stream');

const { dynamoDb, streamName, consumerGroup, ...more } = JSON.parse(process.argv[2]);
const { accessKeyId, secretAccessKey, region, endpoint } = more;
const quiet = () => {};
const logger = { debug: quiet, warn: quiet, error: (error) => console.error(error) };
const awsOptions = { accessKeyId, secretAccessKey, region, endpoint };
const client = new KinesisClient({ awsOptions, logger, streamName });
const all = {
  client,
  consumerGroup,
  consumerId: generate(),
  dynamoDb,
  logger,
  streamName,
  useAutoShardAssignment: true,
  useEnhancedFanOut: false,
  ...more,
};
let stateStore;
let beats;

const functions = {
  /** The state store, as a consumer starts it; with another date of the stream, if one is given. */
  async begin(streamCreatedOn) {
    const found = await stream.checkIfStreamExists(all);
    stateStore = new StateStore({ ...all, streamCreatedOn: streamCreatedOn || found.streamCreatedOn });
    await stateStore.start();
    return found.streamCreatedOn;
  },
  /** Nothing of the state store but the date that the library would write. */
  async date() {
    return (await stream.checkIfStreamExists(all)).streamCreatedOn;
  },
  me: () => all.consumerId,
  clock: (ahead) => globalThis.setClockAhead(ahead),
  shards: () => stream.getStreamShards(all),
  /** One round of the lease manager. */
  async lease() {
    const consumersManager = { reconcile: async () => {}, stop: quiet };
    const manager = new LeaseManager({ ...all, consumersManager, stateStore });
    await manager.start();
    manager.stop();
  },
  /** A heartbeat now and then, each with what the library clears then. */
  beat: () => stateStore.registerConsumer(),
  beatEvery(ms) {
    beats = setInterval(() => stateStore.registerConsumer().catch(console.error), ms);
    return stateStore.registerConsumer();
  },
  rest: () => clearInterval(beats),
  /** The real heartbeat manager, stopped while its first heartbeat is under way. */
  stopWhileBeating() {
    const manager = new HeartbeatManager({ logger, stateStore });
    const started = manager.start();
    manager.stop();
    return started;
  },
  clearOldConsumers: (ms) => stateStore.clearOldConsumers(ms),
  lock: (shard, term, version) => stateStore.lockShardLease(shard, term, version),
  ensure: (shard, data) => stateStore.ensureShardStateExists(shard, data),
  async checkpoint(shard, sequence) {
    const { shardsPath, shardsPathNames } = await stateStore.getShardsData();
    await stateStore.storeShardCheckpoint(shard, sequence, shardsPath, shardsPathNames, new Date());
  },
  async depleted(shard) {
    await stateStore.markShardAsDepleted(await stream.getStreamShards(all), shard);
  },
  owned: () => stateStore.getOwnedShards(),
  addSlot: (name, arn) => stateStore.registerEnhancedConsumer(name, arn),
  slot: () => stateStore.getAssignedEnhancedConsumer(),
};

// Its parent is gone.
process.on('disconnect', () => process.exit(1));
process.on('message', async ({ call, name, args }) => {
  try {
    process.send({ call, answer: await functions[name](...args) });
  } catch (error) {
    process.send({ call, error: error.stack });
  }
});
