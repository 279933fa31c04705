// Writes testdata/lzutf8.ndjson: what the npm package lzutf8 makes of these texts, by the call
// that lifion-kinesis makes. Run after `interop/run` has installed it:
// `NODE_PATH=interop/lifion/node_modules node interop/content/golden.js`.
'use strict';

const { createHash } = require('crypto');
const compression = require('lifion-kinesis/lib/compression')['LZ-UTF8'];

const texts = [
  '',
  'a',
  'abc',
  'abcd',
  'abcdabcd',
  'la la la la la la la la',
  'a'.repeat(35),
  'a'.repeat(100),
  'größer größer größer',
  '日本語テキスト、日本語テキスト',
  '🙂🙃🙂🙃🙂🙃🙂🙃',
  '{"id":1,"name":"one"},{"id":2,"name":"two"},{"id":3,"name":"three"}',
  // Near and far candidates: a far match must be more than half as long again.
  `0123456789abcdef${Array.from({ length: 130 }, (_, i) => String.fromCharCode(33 + (i * 7) % 90)).join('')}01234567--0123456789abcdef`,
  '\u0000\u001f\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}'.repeat(3)
];

const WORDS = ['kinesis ', 'größe', '日本', '🙂', '{"id":', '0', '\n', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'shardId-000000000000', 'b'];

// The same as `generated` in crates/kinfolk/src/codec/lzutf8/tests.rs.
function generated(seed, bytes) {
  const parts = [];
  let state = seed;
  for (let length = 0; length < bytes; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const pick = state >>> 24;
    const part = pick < 128 ? String.fromCharCode(33 + ((state >>> 8) % 90)) : WORDS[pick % WORDS.length];
    parts.push(part);
    length += Buffer.byteLength(part);
  }
  return parts.join('');
}

async function main() {
  for (const text of texts) {
    const compressed = await compression.compress(text, 'Buffer');
    console.log(JSON.stringify({ text, compressed: compressed.toString('base64') }));
  }
  // A match from as far back as any, and one from a byte further.
  for (const gap of [32759, 32760]) {
    const compressed = await compression.compress(`WXYZ0123${'.'.repeat(gap)}WXYZ0123`, 'Buffer');
    const sha1 = createHash('sha1').update(compressed).digest('base64');
    console.log(JSON.stringify({ gap, compressed_bytes: compressed.length, sha1 }));
  }
  for (const [seed, bytes] of [[1, 1000], [2, 40000], [3, 65536], [4, 65537], [5, 140000], [6, 1000000]]) {
    const compressed = await compression.compress(generated(seed, bytes), 'Buffer');
    const sha1 = createHash('sha1').update(compressed).digest('base64');
    console.log(JSON.stringify({ seed, bytes, compressed_bytes: compressed.length, sha1 }));
  }
}

main();
