// A group that one side left behind is taken over by the other from its checkpoints: live, and from
// each of the items that the library left behind in testdata/golden.
'use strict';

const fs = require('fs');
const path = require('path');
const { TABLE, check, main, wait } = require('./common');

const GOLDEN = path.join(__dirname, '../../testdata/golden');
const TRIM = { initialPositionInStream: 'TRIM_HORIZON' };

const everyCheckpoint = (item) => Object.fromEntries(
  Object.entries(item.shards).map(([id, shard]) => [id, shard.checkpoint])
);

/** Fails if a record came out that the stored checkpoints, which stood then, had passed. */
function nothingBefore(checkpoints, lines) {
  const early = lines.filter(({ shard, sequence }) => {
    const stored = checkpoints[shard];
    return stored && BigInt(sequence) <= BigInt(stored);
  });
  check(early.length === 0, `${early.length} records came again that were stored as done`);
}

/** Half from Node, then Node is ended, then the rest from ours. */
async function nodeThenOurs(scene, end) {
  await scene.create(4);
  const nodes = [await scene.node(TRIM), await scene.node(TRIM)];
  await scene.until('Node holds all', (item) =>
    Object.values(item.shards).filter((shard) => shard.leaseOwner).length === 4
  );
  await scene.produce(1000);
  await scene.allOut(nodes);
  await scene.kinfolk('stream', 'split', scene.stream, '0');
  await scene.produce(1000);
  await scene.allOut(nodes);
  await Promise.all(nodes.map((node) => node.signal(end)));
  const left = everyCheckpoint(await scene.item());
  await scene.produce(1000);
  const ours = [scene.worker(), scene.worker()];
  await scene.allOut(ours, 150000, 2000);
  const lines = ours.flatMap((one) => one.lines());
  nothingBefore(left, lines);
  check(lines.length === 1000, `${lines.length} lines of 1000 records`);
  return 'ours delivered the 1,000 records behind the checkpoints, and none before';
}

/** Half from ours, then ours are ended, then the rest from Node, which starts at the tip. */
async function oursThenNode(scene, end) {
  await scene.create(4);
  const ours = [scene.worker(), scene.worker()];
  await scene.produce(1000);
  await scene.allOut(ours);
  await scene.kinfolk('stream', 'split', scene.stream, '0');
  await scene.produce(1000);
  await scene.allOut(ours);
  await Promise.all(ours.map((one) => one.signal(end)));
  const left = await scene.item();
  await scene.produce(1000);
  const begin = Date.now();
  const nodes = [await scene.node(), await scene.node()];
  await scene.allOut(nodes, 150000, 2000);
  const took = ((Date.now() - begin) / 1000).toFixed(0);
  const lines = nodes.flatMap((one) => one.lines());
  nothingBefore(everyCheckpoint(left), lines);
  const again = lines.filter(({ number }) => number < 2000).length;
  check(end === 'SIGKILL' || again === 0, `${again} records came again`);
  return `Node, which starts at the tip, delivered the 1,000 records behind the checkpoints in ${took} s, and ${again} before them that ours had not stored`;
}

/** Standalone: a consumer's place is its own, and goes with its id. */
async function standaloneBeside(scene) {
  await scene.create(2);
  const node = await scene.node({ ...TRIM, useAutoShardAssignment: false });
  const ours = scene.worker(['--standalone', '--name', 'reader']);
  await scene.produce(500);
  await Promise.all([scene.allOut([node]), scene.allOut([ours])]);
  const id = node.idIn(await scene.item());
  await ours.stop();
  await scene.produce(500);
  await scene.allOut([node]);
  const again = scene.worker(['--standalone', '--name', 'reader']);
  await scene.allOut([again], 60000, 500);
  check(again.lines().length === 500, 'what was done under the name came again');
  const places = (await scene.item()).consumers[id];
  check(places && Object.keys(places.shards).length === 2, "Node's place is not there");
  await node.stop();
  await scene.until("Node's entry goes with its place", (item) => !item.consumers[id], 120000);
  await scene.produce(100);
  await scene.allOut([again], 60000, 1000);
  return 'each read all 1,000 beside the other; ours went on under its name, a Node consumer has none';
}

/** The slots and shards maps in which an item has its places. */
function homesOf(item) {
  const slots = Object.values(item.enhancedConsumers).filter((slot) => slot.shards);
  const alone = Object.values(item.consumers).filter((consumer) => consumer.shards);
  return [item.shards, ...slots.map((slot) => slot.shards), ...alone.map((one) => one.shards)];
}

/** The item of a file as it would be for a stream that lives here and has had the same history. */
async function transplant(scene, golden, step) {
  await scene.create(4);
  await scene.produce(step === 0 ? 0 : 1000);
  if (step >= 2) {
    await scene.kinfolk('stream', 'split', scene.stream, '0');
    await scene.produce(1000);
  }
  const { item } = golden;
  const { StreamDescriptionSummary: summary } = await scene.servers.kinesis
    .describeStreamSummary({ StreamName: scene.stream })
    .promise();
  // Consumers of the same names, as the fan-out modes need them.
  for (const [name, slot] of Object.entries(item.enhancedConsumers)) {
    const params = { StreamARN: summary.StreamARN, ConsumerName: name };
    const { Consumer } = await scene.servers.kinesis.registerStreamConsumer(params).promise();
    slot.arn = Consumer.ConsumerARN;
  }
  const places = {};
  for (const { ShardId: shard } of await scene.shards()) {
    const records = await scene.read(shard);
    // A part of what is there is not behind the place: so it is seen that the place counts.
    places[shard] = records.length ? records[Math.floor(records.length / 2)].sequence : null;
  }
  for (const [shard, entry] of homesOf(item).flatMap(Object.entries)) {
    if (entry.checkpoint !== null && !entry.depleted) entry.checkpoint = places[shard];
    else places[shard] = entry.depleted ? 'depleted' : null;
  }
  Object.assign(item, {
    streamCreatedOn: summary.StreamCreationTimestamp.toISOString(),
    streamName: scene.stream,
    consumerGroup: scene.group,
  });
  // The table is made by whoever is first; a worker of another group does it.
  const maker = scene.worker();
  await scene.until('the table is there', (there) => there);
  await maker.stop();
  await scene.servers.dynamodb.put({ TableName: TABLE, Item: item }).promise();
  scene.processes = [];
  return places;
}

/** What must come out of a reader that goes on from these places. */
async function behind(scene, places) {
  const expected = [];
  for (const { ShardId: shard } of await scene.shards()) {
    const place = places[shard];
    if (place === 'depleted') continue;
    const records = await scene.read(shard);
    expected.push(...records.filter(({ sequence }) => !place || BigInt(sequence) > BigInt(place)));
  }
  return new Set(expected.map(({ number }) => number));
}

/** Waits for exactly these records of these workers, each of them once. */
async function exactly(scene, expected, ours) {
  const out = () => scene.numbers(...ours);
  const missing = () => {
    const seen = out();
    return [...expected].filter((number) => !seen.has(number));
  };
  const begin = Date.now();
  while (missing().length && Date.now() - begin < 120000) await wait(200);
  // What comes too much comes soon.
  await wait(1500);
  check(missing().length === 0, `${missing().length} of ${expected.size} did not come out`);
  const early = [...out()].filter((number) => !expected.has(number));
  check(early.length === 0, `${early.length} came out that were stored as done`);
  const lines = ours.flatMap((one) => one.lines()).length;
  check(lines === expected.size, `${lines} lines of ${expected.size} records`);
}

const modes = {
  async auto(scene, expected) {
    await exactly(scene, expected, [scene.worker(), scene.worker()]);
    return `the ${expected.size} records behind Node's places of ${scene.put}, and no other`;
  },
  async efo(scene, expected) {
    const more = ['--fan-out', '2'];
    await exactly(scene, expected, [scene.worker(more), scene.worker(more)]);
    return `the ${expected.size} records behind Node's places of ${scene.put}, and no other`;
  },
  /** A Node consumer's own place is nobody else's: ours begins one. */
  async standalone(scene) {
    const all = new Set(Array.from({ length: scene.put }, (_, number) => number));
    await exactly(scene, all, [scene.worker(['--standalone'])]);
    return `a place of its own: all ${scene.put} from the beginning, beside what Node left`;
  },
  /** Places are in the slots, and whoever gets a slot goes on there. Ours brings one of its own. */
  async 'efo-standalone'(scene, expected) {
    const more = ['--standalone', '--fan-out', '1'];
    const first = scene.worker(more);
    await scene.until('it has its own slot', (item) => {
      const id = first.idIn(item);
      return id && Object.values(item.enhancedConsumers).some((slot) => slot.isUsedBy === id);
    });
    const others = [scene.worker(more), scene.worker(more)];
    for (const one of others) await exactly(scene, expected, [one]);
    await scene.allOut([first]);
    return `in each of Node's slots the ${expected.size} records behind its places of ${scene.put}, and no other`;
  },
};

async function golden(scene, file, mode, step) {
  const left = JSON.parse(fs.readFileSync(path.join(GOLDEN, file)));
  const places = await transplant(scene, left, step);
  await scene.produce(300);
  return modes[mode](scene, await behind(scene, places));
}

const files = fs.readdirSync(GOLDEN).filter((file) => file.endsWith('.json'));
const goldens = files.map((file) => {
  const [, mode, step] = /-dynoxide-(.+?)-(\d)-/.exec(file);
  return [`golden-${mode}-${step}`, (scene) => golden(scene, file, mode, Number(step))];
});

main('one side goes on where the other left', {
  'node-stopped-then-ours': (scene) => nodeThenOurs(scene, 'SIGTERM'),
  'node-killed-then-ours': (scene) => nodeThenOurs(scene, 'SIGKILL'),
  'ours-killed-then-node': (scene) => oursThenNode(scene, 'SIGKILL'),
  'standalone-side-by-side': standaloneBeside,
  ...Object.fromEntries(goldens),
  'ours-stopped-then-node': (scene) => oursThenNode(scene, 'SIGTERM'),
}, { most: 8 });
