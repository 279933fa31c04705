// Its fan-out slots.
'use strict';

const { check, until, wait } = require('../common');

module.exports = {
  /** It adds every consumer of the stream to its slots, and frees those of unknown ids. */
  async 'slots-of-others'(scene) {
    await scene.create(1);
    const ended = scene.watch();
    const ours = scene.worker(['--fan-out', '1']);
    const used = (item) => Object.entries(item.enhancedConsumers).find(([, slot]) => slot.isUsedBy);
    const item = await scene.until('ours uses its slot', (now) => used(now), 60000);
    const [name, slot] = used(item);
    check(slot.isUsedBy === ours.idIn(item), 'it is used by somebody else');
    const StreamARN = slot.arn.replace(/\/consumer\/.*/, '');
    const params = { StreamARN, ConsumerName: 'somebody-elses' };
    const { Consumer } = await scene.servers.kinesis.registerStreamConsumer(params).promise();
    const node = await scene.parts({ useEnhancedFanOut: true });
    await node.call('beat');
    // Both as its start does, for every consumer that the stream lists.
    await node.call('addSlot', 'somebody-elses', Consumer.ConsumerARN);
    await node.call('addSlot', name, slot.arn);
    await node.call('clearOldConsumers', 40000);
    const after = (await scene.item()).enhancedConsumers;
    check(after[name].isUsedBy === slot.isUsedBy, 'ours lost its slot');
    const theirs = await node.call('slot');
    check(theirs === Consumer.ConsumerARN, `Node uses ${theirs}`);
    check((await node.call('slot')) === theirs, 'Node forgot its slot');
    // One that belongs to nobody is freed at once: nobody but ours may stand in ours.
    const kept = (await scene.item()).enhancedConsumers[name];
    check(kept.isUsedBy === ours.idIn(await scene.item()), 'ours lost its slot');
    await scene.produce(100);
    await wait(2000);
    const seen = await ended();
    for (const { item: one } of seen) {
      for (const [slotName, entry] of Object.entries(one.enhancedConsumers)) {
        const known = !entry.isUsedBy || one.consumers[entry.isUsedBy];
        check(known, `${slotName} was used by somebody who was not in the group`);
      }
    }
    // A dead one's slot: freed with it.
    await ours.kill();
    await wait(1500);
    await node.call('clearOldConsumers', 1000);
    const free = (await scene.item()).enhancedConsumers[name].isUsedBy;
    check(free === null, 'Node did not free the slot');
    await until('it is gone', async () => !(await scene.item()).consumers[slot.isUsedBy]);
    return `Node took the consumer that somebody else had registered, and left ours alone; in ${seen.length} states no slot was used by an unknown id`;
  },
};
