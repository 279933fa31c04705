// Parents, children, closed and forgotten shards.
'use strict';

const { check, wait } = require('../common');

const id = (number) => `shardId-${String(number).padStart(12, '0')}`;

module.exports = {
  /** It checks one parent of a merge: the one that is stored. */
  async 'merge-with-one-parent'(scene) {
    await scene.create(2);
    const flows = scene.worker();
    await scene.until('one holds both', (item) => flows.held(item).length === 2);
    const hangs = scene.worker([], { paused: true });
    const item = await scene.until('two share', (now) => [flows, hangs].every((w) => w.held(now).length === 1));
    const [[open], [done]] = [hangs.held(item), flows.held(item)];
    // The one hangs on its shard, the other one is done with its own.
    await scene.produce(3000, open);
    await scene.produce(100, done);
    await wait(3000);
    await scene.kinfolk('stream', 'merge', scene.stream, '0', '1');
    const node = await scene.parts();
    await node.call('beat');
    const shards = await node.call('shards');
    const listed = shards[id(2)].parent;
    // Node saw the child first, and stored the parent that the stream names first.
    await node.call('ensure', id(2), shards[id(2)]);
    await scene.until('one parent is done', (now) => now.shards[done].depleted, 60000);
    const entry = (await scene.item()).shards[id(2)];
    check(!(await scene.item()).shards[open].depleted, 'both are done');
    check(entry.parent === open, `the child points at ${entry.parent}, which is not open`);
    await node.call('lease');
    const owner = (await scene.item()).shards[id(2)].leaseOwner;
    check(owner === null, `Node or ours took the child: ${owner}`);
    hangs.resume();
    await scene.until('both are done', (now) => now.shards[open].depleted, 60000);
    await scene.produce(100);
    await scene.until('somebody takes the child', (now) => now.shards[id(2)].leaseOwner);
    await node.stop();
    await scene.allOut([flows, hangs], 90000);
    return `stored by Node with ${listed === done ? 'the ended' : 'an open'} parent, pointed at the open one by ours: Node waited`;
  },

  /** It reads an entry without a checkpoint from its own initial position. */
  async 'child-without-checkpoint'(scene) {
    await scene.create(1);
    const ours = scene.worker();
    await scene.until('ours holds it', (item) => ours.held(item).length === 1);
    // The parent ends without a record: Node would leave its children without a checkpoint.
    await scene.kinfolk('stream', 'split', scene.stream, '0');
    await scene.until('ours has begun the children', (item) => item.shards[id(0)].depleted && item.shards[id(1)] && item.shards[id(2)]);
    await ours.stop();
    const item = await scene.item();
    for (const shard of (await scene.shards()).slice(1)) {
      const { checkpoint } = item.shards[shard.ShardId];
      check(checkpoint === shard.SequenceNumberRange.StartingSequenceNumber, 'a child without place');
    }
    await scene.produce(200);
    // The default of the library: the tip.
    const node = await scene.node({ initialPositionInStream: 'LATEST' });
    await scene.allOut([node]);
    // What Node does by itself.
    scene.group += '-of-node';
    const parts = await scene.parts();
    await parts.call('ensure', id(0), { parent: null });
    await parts.call('depleted', id(0));
    const alone = (await scene.item()).shards;
    check(alone[id(0)].depleted && !alone[id(1)], 'Node was expected to leave the children out');
    return 'a Node that starts at the tip read all 200 records of children that ours had begun; Node alone leaves them without a place';
  },

  /** It makes entries for closed shards, too, reads them, and then rewinds their children. */
  async 'closed-before-the-start'(scene) {
    await scene.create(1);
    await scene.produce(50);
    await scene.kinfolk('stream', 'split', scene.stream, '0');
    const ours = scene.worker(['--from', 'latest']);
    await scene.until('ours is at the tip', (item) => ours.held(item).length === 2);
    const node = await scene.parts();
    await node.call('beat');
    await node.call('lease');
    const item = await scene.item();
    check(item.shards[id(0)].depleted && !item.shards[id(0)].leaseOwner, 'Node leased a closed shard');
    await node.stop();
    await scene.produce(100);
    await scene.allOut([ours], 90000, 50);
    check(ours.lines().length === 100, 'ours read what was there before');
    scene.group += '-of-node';
    const alone = await scene.parts();
    await alone.call('beat');
    await alone.call('lease');
    const owned = await alone.call('owned');
    check(owned[id(0)], 'Node alone was expected to lease the closed shard');
    return 'Node left the closed shard alone that ours wrote as depleted; alone it leases it';
  },

  /** It brings back a forgotten shard that is in a list that it holds. */
  async 'forgotten-shard-comes-back'(scene) {
    await scene.create(1);
    const ours = scene.worker();
    await scene.until('ours holds it', (item) => ours.held(item).length === 1);
    const node = await scene.parts();
    await node.call('ensure', id(77), { parent: null });
    check((await scene.item()).shards[id(77)].depleted === false, 'Node did not bring it back');
    await scene.produce(100);
    await scene.allOut([ours]);
    const begin = Date.now();
    await scene.until('ours ends it', (item) => item.shards[id(77)].depleted, 240000);
    const took = ((Date.now() - begin) / 1000).toFixed(0);
    check(ours.said('does not list the shard').length <= 1, 'it was told more than once');
    await scene.produce(100);
    await scene.allOut([ours]);
    check(ours.held(await scene.item()).length === 1, 'ours does not hold its shard any more');
    return `ours counted it as ended ${took} s later, and read on meanwhile`;
  },
};
