// Its checkpoints and ends carry no condition.
'use strict';

const { check, until, wait } = require('../common');

/** A beat is due every 2.5 seconds; a machine that is busy may take longer. */
const HEALED = 10000;

module.exports = {
  async 'zombie-moves-checkpoint'(scene) {
    await scene.create(1);
    const id = 'shardId-000000000000';
    const ours = scene.worker();
    await scene.produce(300);
    await scene.allOut([ours]);
    const all = ours.lines().map((line) => line.sequence);
    const stored = (at) => (item) => item.shards[id] && item.shards[id].checkpoint === at;
    await scene.until('all is stored', stored(all[299]));
    const node = await scene.parts();
    // Back, once.
    await node.call('checkpoint', id, all[10]);
    const begin = Date.now();
    await scene.until('it is put right', stored(all[299]), HEALED);
    const healed = Date.now() - begin;
    // Back, four times a second, as one that reads on does.
    const me = ours.idIn(await scene.item());
    for (let times = 0; times < 40; times += 1) {
      await node.call('checkpoint', id, all[20 + times]);
      if (times % 8 === 0) await scene.produce(20);
      await wait(250);
    }
    await scene.allOut([ours]);
    const end = ours.lines().map((line) => line.sequence).pop();
    const item = await scene.until('it is put right after all', stored(end), HEALED);
    check(ours.idIn(item) === me && item.shards[id].leaseOwner === me, 'ours lost its place');
    check(ours.lines().length === scene.put, 'something came twice');
    return `put right after ${healed} ms, and after 40 writes in 10 s; ours stayed, nothing came twice`;
  },

  async 'zombie-moves-checkpoint-ahead'(scene) {
    await scene.create(1);
    const id = 'shardId-000000000000';
    const ours = scene.worker([], { paused: true });
    await scene.produce(100);
    await scene.until('a part is stored', (item) => item.shards[id] && item.shards[id].checkpoint);
    // More than the pipe takes: ours has handed out only a part of it.
    await scene.produce(4900);
    await wait(4000);
    const shard = { StreamName: scene.stream, ShardId: id, ShardIteratorType: 'TRIM_HORIZON' };
    const { ShardIterator } = await scene.servers.kinesis.getShardIterator(shard).promise();
    const { Records } = await scene.servers.kinesis.getRecords({ ShardIterator }).promise();
    const ahead = Records[Records.length - 2].SequenceNumber;
    const node = await scene.parts();
    await node.call('checkpoint', id, ahead);
    await until('ours says so', () => ours.said('CheckpointAhead').length === 1, HEALED);
    await wait(3000);
    check((await scene.item()).shards[id].checkpoint === ahead, 'ours moved it back');
    ours.resume();
    await scene.allOut([ours]);
    const last = Records[Records.length - 1].SequenceNumber;
    await scene.until('ours has passed it', (item) => item.shards[id].checkpoint === last, HEALED);
    return 'ours said so, left it until it was past it, and delivered all 5,000';
  },

  /** A second "depleted" rewinds the children to their beginning. */
  async 'depleted-rewinds-children'(scene) {
    await scene.create(1);
    const ours = scene.worker();
    await scene.produce(100);
    await scene.allOut([ours]);
    await scene.kinfolk('stream', 'split', scene.stream, '0');
    await scene.produce(200);
    await scene.allOut([ours]);
    const children = ['shardId-000000000001', 'shardId-000000000002'];
    const ends = {};
    for (const { shard, sequence } of ours.lines()) ends[shard] = sequence;
    const stored = (item) => children.every((id) => item.shards[id] && item.shards[id].checkpoint === ends[id]);
    await scene.until('all is stored', stored);
    const ended = scene.watch(5);
    const node = await scene.parts();
    await node.call('depleted', 'shardId-000000000000');
    await wait(1000);
    await scene.until('the children are put right', stored, HEALED);
    const begins = Object.fromEntries((await scene.shards()).map((one) => [
      one.ShardId, one.SequenceNumberRange.StartingSequenceNumber,
    ]));
    const rewound = (await ended()).filter(({ item }) =>
      children.some((id) => item.shards[id].checkpoint === begins[id])
    );
    check(rewound.length > 0, 'Node was expected to rewind the children');
    check(ours.lines().length === scene.put, 'something came twice');
    return 'both children were rewound, and put right by the next beat; nothing came twice';
  },
};
