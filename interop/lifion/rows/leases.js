// Who may take which lease, and when.
'use strict';

const { canonical, check, until, wait } = require('../common');

const MINUTE = 60000;

module.exports = {
  /** An owner that is not in `consumers` has lost its leases, whatever their date. */
  async 'owner-absent'(scene) {
    await scene.create(4);
    const ended = scene.watch();
    const first = scene.worker();
    await scene.until('ours holds all', (item) => first.held(item).length === 4);
    const second = scene.worker();
    await scene.until('shares', (item) => [first, second].every((one) => one.held(item).length === 2));
    await first.stop();
    await scene.until('all is handed over', (item) => second.held(item).length === 4);
    const seen = await ended();
    for (const { item } of seen) {
      for (const [id, shard] of Object.entries(item.shards)) {
        const known = !shard.leaseOwner || shard.depleted || item.consumers[shard.leaseOwner];
        check(known, `${id} was held by somebody who was not in the group`);
      }
    }
    // A crash of ours that Node has noticed: the lease is dated minutes ahead, and gone at once.
    const node = await scene.parts();
    await second.kill();
    await node.call('beat');
    const before = await scene.item();
    const dates = Object.values(before.shards).map((shard) => Date.parse(shard.leaseExpiration));
    check(Math.min(...dates) > Date.now() + MINUTE, 'the dates are not ahead');
    await node.call('lease');
    check(Object.keys(await node.call('owned')).length === 0, 'Node took what was not free');
    await wait(1000);
    await node.call('clearOldConsumers', 500);
    await node.call('beat');
    await node.call('lease');
    check(Object.keys(await node.call('owned')).length === 4, 'Node did not take what was free');
    return `Node took 4 leases of an absent owner at once; in ${seen.length} states ours had none`;
  },

  /** A lease is over when its date is, by the clock of whoever looks. */
  async 'date-by-its-own-clock'(scene) {
    await scene.create(2);
    const ours = scene.worker();
    await scene.until('ours holds all', (item) => ours.held(item).length === 2);
    const node = await scene.parts();
    await node.call('beatEvery', 5000);
    const given = await scene.until('Node is given one', (item) => ours.held(item).length === 1);
    const [mine] = ours.held(given);
    let least = Infinity;
    const begin = Date.now();
    while (Date.now() - begin < 140000) {
      const item = await scene.item();
      check(item.shards[mine].leaseOwner === ours.idIn(item), 'it was stolen');
      least = Math.min(least, Date.parse(item.shards[mine].leaseExpiration) - Date.now());
      await node.call('clock', 165000);
      await node.call('lease');
      await node.call('clock', 0);
      await wait(3000);
    }
    check(least >= 170000, `a date was only ${least} ms ahead`);
    await node.call('clock', 310000);
    await node.call('lease');
    await node.call('clock', 0);
    await until('ours notices that it was taken away', () => ours.said('Lost {').length > 0);
    await scene.until('ours takes it again', (item) => ours.held(item).length === 1);
    return `dates never less than ${Math.floor(least / 1000)} s ahead: a Node 165 s ahead took nothing away, one 310 s ahead did`;
  },

  /** The library's lock compares nothing but the entry's version. */
  async 'lock-compares-version'(scene) {
    await scene.create(4);
    const ended = scene.watch();
    const ours = scene.worker();
    await scene.until('ours holds all', (item) => ours.held(item).length === 4);
    const node = await scene.parts();
    const versions = Object.entries((await scene.item()).shards).map(([id, shard]) => [id, shard.version]);
    // Each shard is read a little, so that its entry is written.
    await scene.produce(400);
    await scene.until('all is stored', (item) =>
      versions.every(([id, version]) => item.shards[id].version !== version)
    );
    for (const [id, version] of versions) {
      check((await node.call('lock', id, 300000, version)) === false, `the old version of ${id} won`);
    }
    const second = scene.worker();
    await scene.until('two share', (item) => second.held(item).length === 2);
    await scene.kinfolk('stream', 'split', scene.stream, '0');
    await scene.produce(400);
    await scene.until('the split is read', (item) => item.shards['shardId-000000000000'].depleted);
    await scene.kinfolk('stream', 'merge', scene.stream, '1', '2');
    await scene.until('the merge is read', (item) => {
      const parents = ['shardId-000000000001', 'shardId-000000000002'];
      return parents.every((id) => item.shards[id].depleted);
    });
    await ours.stop();
    await scene.until('all is handed over', (item) => second.held(item).length === 4);
    await second.stop();
    const seen = await ended();
    let changes = 0;
    seen.slice(1).forEach(({ item }, index) => {
      for (const [id, shard] of Object.entries(item.shards)) {
        const { version, ...rest } = seen[index].item.shards[id] || {};
        const { version: now, ...is } = shard;
        if (version === undefined || canonical(rest) === canonical(is)) continue;
        changes += 1;
        const what = `${id} was changed under its old version: ${canonical(rest)} to ${canonical(is)}`;
        check(version !== now, what);
      }
    });
    check(changes > 10, `only ${changes} changes were seen`);
    // What it would have cost: the entry was changed, and its version kept.
    const id = 'shardId-000000000003';
    const { version } = (await scene.item()).shards[id];
    check(await node.call('lock', id, 300000, version), 'a current version was refused');
    return `Node's lock with 4 old versions failed; ${changes} changes of ours, each with another version`;
  },

  /** It renews in the last quarter of a lease only, and nothing while it holds too many. */
  async 'renews-late-and-below-its-share'(scene) {
    await scene.create(4);
    const node = await scene.parts();
    await node.call('beatEvery', 5000);
    // By its clock the leases end in five minutes; in truth in 70 seconds.
    await node.call('clock', -230000);
    await node.call('lease');
    await node.call('clock', 0);
    const mine = await node.call('owned');
    check(Object.keys(mine).length === 4, 'Node alone holds all');
    const dates = Object.values(mine).map((shard) => Date.parse(shard.leaseExpiration));
    const ours = scene.worker();
    await scene.until('ours is in the group', (item) => ours.idIn(item));
    const begin = Date.now();
    // In its last 75 seconds it would renew, but a share is two now: it renews none of its four.
    await node.call('lease');
    const unchanged = Object.values(await node.call('owned')).map((shard) => Date.parse(shard.leaseExpiration));
    check(JSON.stringify(unchanged.sort()) === JSON.stringify(dates.sort()), 'Node renewed a lease');
    await scene.produce(200);
    let first;
    await scene.until('ours takes its share', (item) => {
      const held = ours.held(item).length;
      if (held && !first) first = Date.now();
      return held === 2;
    }, 100000);
    check(first >= Math.min(...dates) + 5000 - 300, 'ours took before the date and 5 s');
    await wait(8000);
    check(ours.held(await scene.item()).length === 2, 'ours took more than its share');
    await node.call('lease');
    check(Object.keys(await node.call('owned')).length === 2, 'Node did not take the rest');
    return `all four ran out; ours took two ${((first - Math.min(...dates)) / 1000).toFixed(1)} s after their date, Node the rest (${((first - begin) / 1000).toFixed(0)} s)`;
  },

  /** Stopping it releases nothing, and a heartbeat under way goes on for ever. */
  async 'stop-releases-nothing'(scene) {
    await scene.create(2);
    const node = await scene.node({ initialPositionInStream: 'TRIM_HORIZON' });
    await scene.until('Node holds all', (item) => node.held(item).length === 2);
    const half = await scene.parts();
    await half.call('stopWhileBeating');
    const stopped = await half.call('me');
    const before = (await scene.item()).consumers[stopped].heartbeat;
    await scene.produce(100);
    await scene.allOut([node]);
    const id = node.idIn(await scene.item());
    await node.stop();
    const item = await scene.item();
    check(item.consumers[id], 'Node left');
    const left = Object.values(item.shards).filter((shard) => shard.leaseOwner === id).length;
    check(left === 2, 'Node released something');
    const ours = scene.worker();
    await scene.produce(100);
    const begin = Date.now();
    await scene.until('ours takes over', (now) => !now.consumers[id], 120000);
    const took = (Date.now() - begin) / 1000;
    await scene.allOut([ours], 60000, 100);
    const again = (await scene.item()).consumers[stopped];
    check(again && again.heartbeat > before, 'the stopped heartbeat manager beats no more');
    check(ours.said('removed a silent worker').length <= 1, 'ours evicted more than the dead one');
    return `it left ${left} leases, taken over ${took.toFixed(0)} s later; one stopped during a heartbeat beats on, and is not evicted`;
  },
};
