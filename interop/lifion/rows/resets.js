// It deletes the state of a stream whose date differs from its own by a millisecond.
'use strict';

const http = require('http');
const { check, until } = require('../common');

/** A Kinesis that says of every stream that it was created then. */
function datedFrom(endpoint, date) {
  const { hostname, port } = new URL(endpoint);
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request;
    const path = url;
    const wanted = { ...headers, 'accept-encoding': 'identity' };
    const on = http.request({ hostname, port, method, path, headers: wanted }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('latin1');
        const dated = text.replace(/"StreamCreationTimestamp":[0-9.eE+]+/, `"StreamCreationTimestamp":${date}`);
        const head = { ...answer.headers, 'content-length': Buffer.byteLength(dated, 'latin1') };
        delete head['transfer-encoding'];
        // The server's checksum is that of its own answer.
        for (const name of Object.keys(head)) if (/crc32/i.test(name)) delete head[name];
        response.writeHead(answer.statusCode, head);
        response.end(dated, 'latin1');
      });
    });
    request.pipe(on);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve([server, `http://127.0.0.1:${server.address().port}`]));
  });
}

/** Dates of which the product with 1,000 is not the number of milliseconds, and others. */
function dates() {
  const second = Math.floor(Date.now() / 1000) - 100;
  const all = Array.from({ length: 1000 }, (_, ms) => `${second}.${String(ms).padStart(3, '0')}`);
  const odd = all.filter((text, ms) => Math.trunc(Number(text) * 1000) !== second * 1000 + ms);
  const even = all.filter((text) => !odd.includes(text));
  const some = (list, count) => list.filter((_, at) => at % Math.ceil(list.length / count) === 0);
  const finer = ['.0004', '.0005', '.1235', '.4999', '.5005', '.999499', '.9995', '.999999'];
  return [...some(odd, 8), ...some(even, 8), ...finer.map((part) => `${second}${part}`), `${second}`];
}

module.exports = {
  async 'dates-are-the-same'(scene) {
    await scene.create(1);
    const { kinesisEndpoint, group } = scene;
    const different = [];
    const all = dates();
    for (const date of all) {
      const [server, endpoint] = await datedFrom(kinesisEndpoint, date);
      Object.assign(scene, { kinesisEndpoint: endpoint, group: `${group}-${date}` });
      const ours = scene.worker();
      const { streamCreatedOn } = await scene.until(`ours begins with ${date}`, (item) => item);
      await ours.stop();
      const parts = await scene.parts();
      const theirs = await parts.call('date');
      const kept = (await scene.item()).streamCreatedOn === streamCreatedOn;
      await parts.kill();
      server.close();
      if (theirs !== streamCreatedOn || !kept) different.push(`${date}: ${theirs}, ours ${streamCreatedOn}`);
    }
    check(different.length === 0, `${different.length} dates differ:\n${different.join('\n')}`);
    return `${all.length} dates, some of parts of a millisecond: the same text from both`;
  },

  async 'unconditional-reset'(scene) {
    await scene.create(2);
    const ours = scene.worker();
    await scene.produce(300);
    await scene.allOut([ours]);
    const stored = await scene.until('all is stored', (item) =>
      Object.values(item.shards).every((shard) => shard.checkpoint)
    );
    const ends = {};
    for (const { shard, sequence } of ours.lines()) ends[shard] = sequence;
    await scene.until('all of it', (item) =>
      Object.entries(item.shards).every(([shard, entry]) => entry.checkpoint === ends[shard])
    );
    // A Node that takes the stream for one that is a millisecond younger.
    const node = await scene.parts();
    const other = new Date(Date.parse(stored.streamCreatedOn) + 1).toISOString();
    await node.call('begin', other);
    await until('ours notices', () => ours.said('joined the group').length > 1);
    const again = await scene.until('ours is back', (item) => ours.held(item).length === 2);
    check(again.streamCreatedOn === other, 'Node did not wipe it');
    for (const [shard, end] of Object.entries(ends)) {
      check(again.shards[shard].checkpoint === end, `the place of ${shard} is lost`);
    }
    await scene.produce(100);
    await scene.allOut([ours]);
    check(ours.lines().length === 400, 'something came twice');
    return 'Node wiped the live state; ours brought both places back, nothing was lost or came twice';
  },
};
