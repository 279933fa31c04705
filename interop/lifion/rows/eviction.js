// Who removes whom, and what that leads to.
'use strict';

const path = require('path');
const { check, until, wait } = require('../common');

const CLOCK = ['-r', path.join(__dirname, '../clock.js')];
const TRIM = { initialPositionInStream: 'TRIM_HORIZON' };

module.exports = {
  /** A Node whose clock is far ahead evicts who is alive; it compares the item's version only. */
  async 'evicts-by-its-own-clock'(scene) {
    await scene.create(4);
    const ours = scene.worker();
    await scene.until('ours holds all', (item) => ours.held(item).length === 4);
    const first = ours.idIn(await scene.item());
    await scene.produce(500);
    const node = await scene.node(TRIM, CLOCK, { CLOCK_AHEAD_MS: '45000' });
    await until('ours was evicted', () => ours.said('was removed from the group').length > 0);
    await scene.until('ours is back', (item) => ours.idIn(item) && ours.idIn(item) !== first);
    await scene.produce(500);
    await wait(25000);
    await scene.produce(500);
    await scene.allOut([ours, node], 60000);
    const times = ours.said('was removed from the group').length;
    const ids = new Set(ours.lines().map((line) => line.worker));
    // While ours is away Node takes everything, and may keep it until its leases run out: then ours
    // has nothing, but there is nothing that nobody reads.
    const held = (item) => ours.held(item).length + node.held(item).length;
    await scene.until('everything is held by one of them', (item) => held(item) === 4);
    check(ours.idIn(await scene.item()), 'ours did not come back');
    check(ours.said("Check this machine's clock").length === times, 'it did not warn of clocks');
    return `a Node 45 s ahead evicted ours ${times} times; it came back each time, under ${ids.size} ids that delivered, and nothing of ${scene.put} was lost`;
  },

  /** A Node that stood still reads on after its shards were taken. */
  async 'zombie-reads-on'(scene) {
    await scene.create(2);
    const node = await scene.node(TRIM);
    await scene.until('Node holds all', (item) => node.held(item).length === 2);
    await scene.produce(200);
    await scene.allOut([node]);
    const ours = scene.worker();
    await scene.until('ours is there', (item) => ours.idIn(item));
    await node.signal('SIGSTOP');
    await scene.until('ours has evicted it and holds all', (item) => ours.held(item).length === 2, 120000);
    const from = scene.put;
    await node.signal('SIGCONT');
    const id = ours.idIn(await scene.item());
    for (let times = 0; times < 10; times += 1) {
      await scene.produce(100);
      await wait(1000);
    }
    await scene.allOut([ours, node], 60000, from);
    const nodes = scene.numbers(node);
    const both = ours.lines().filter((line) => line.number >= from && nodes.has(line.number)).length;
    check(both > 0, 'Node was expected to read on');
    // In order: nothing of ours goes back.
    const last = {};
    for (const { shard, sequence, epoch } of ours.lines()) {
      const tenure = `${shard} ${epoch}`;
      check(!last[tenure] || BigInt(sequence) > BigInt(last[tenure]), 'ours went back');
      last[tenure] = sequence;
    }
    const item = await scene.item();
    check(ours.idIn(item) === id, 'ours was evicted');
    const ends = {};
    for (const { shard, sequence } of ours.lines()) ends[shard] = sequence;
    await scene.until('the stored places are right', (now) =>
      ours.held(now).every((shard) => BigInt(now.shards[shard].checkpoint) >= BigInt(ends[shard]))
    );
    return `it read ${both} records that ours delivered, too; nothing of ${scene.put - from} was lost, ours never went back`;
  },
};
