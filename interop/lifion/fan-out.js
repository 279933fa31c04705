// The library's fan-out mode beside ours, in one group over the same registered consumers: as far as
// it runs without AWS.
'use strict';

const path = require('path');
const { check, main, wait } = require('./common');
const { paced } = require('./paced');

const LOCAL = ['-r', path.join(__dirname, 'localonly.js')];
const SLOTS = 4;

const usedBy = (item) => Object.values(item.enhancedConsumers).map((slot) => slot.isUsedBy);

main('fan-out, beside ours', {
  async 'two-and-two'(scene) {
    await scene.create(8);
    const direct = scene.kinesisEndpoint;
    const proxy = await paced(direct);
    const options = {
      initialPositionInStream: 'TRIM_HORIZON',
      useEnhancedFanOut: true,
      maxEnhancedConsumers: SLOTS,
      leaseAcquisitionRecoveryInterval: 2000,
    };
    const ours = () => scene.worker(['--fan-out', String(SLOTS)]);
    const node = async () => {
      scene.kinesisEndpoint = proxy.endpoint;
      try {
        return await scene.node(options, LOCAL);
      } finally {
        scene.kinesisEndpoint = direct;
      }
    };
    const ended = scene.watch(50);
    const workers = [ours(), ours()];
    await scene.until('both of ours have slots', (item) => usedBy(item).filter(Boolean).length === 2, 60000);
    const nodes = [await node(), await node()];
    const all = [...workers, ...nodes];
    const shares = (of) => (item) => of.every((one) => one.held(item).length === 8 / of.length);
    await scene.until('four share', shares(all), 120000);
    let item = await scene.item();
    check(new Set(usedBy(item)).size === SLOTS, 'a slot is used twice');
    check(Object.keys(item.enhancedConsumers).length === SLOTS, 'there are other slots');
    for (let times = 0; times < 10; times += 1) {
      await scene.produce(200);
      await wait(500);
    }
    await scene.allOut(all, 60000);
    await scene.kinfolk('stream', 'split', scene.stream, '3');
    await scene.produce(500);
    await scene.allOut(all, 60000);
    // One of ours is killed: its slot and its shards are free after its silence.
    await workers[0].kill();
    await scene.produce(500);
    await scene.allOut(all, 120000);
    const next = ours();
    await scene.until('its slot is used again', (now) => usedBy(now).includes(next.idIn(now)), 120000);
    const nodesBefore = nodes.map((one) => one.idIn(item));
    await nodes[0].stop();
    await scene.produce(500);
    await scene.allOut([...all, next], 120000);
    item = await scene.item();
    check(item.consumers[nodesBefore[1]], 'the other Node was evicted alive');
    const told = [...workers, next].flatMap((one) => one.said('was removed from the group'));
    check(told.length === 0, 'one of ours was evicted alive');
    for (const { item: one } of await ended()) {
      const users = usedBy(one).filter(Boolean);
      check(new Set(users).size === users.length, 'somebody used two slots');
    }
    const counts = [...all, next].map((one) => one.lines().length);
    check(nodes.every((one) => one.lines().length > 0), 'a Node received nothing');
    proxy.stop();
    const subscribed = proxy.subscriptions();
    return `nothing of ${scene.put} lost (lines: ${counts.join(', ')}); ${SLOTS} slots, one each; ${subscribed} subscriptions of Node's`;
  },
});
