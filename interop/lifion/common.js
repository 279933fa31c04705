// What the checks share: local servers, streams, workers of ours and Node consumers as processes, and
// the group's item.
'use strict';

// It says at every start that it is old.
process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = '1';

const AWS = require('aws-sdk');
const fs = require('fs');
const os = require('os');
const path = require('path');
const readline = require('readline');
const { execFile, fork, spawn } = require('child_process');
const { promisify } = require('util');

const TABLE = 'lifion-kinesis-state';
const KINFOLK = process.env.KINFOLK || path.join(__dirname, '../../target/debug/kinfolk');
const KEYS = { accessKeyId: 'local', secretAccessKey: 'local', region: 'us-east-1' };

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something is so, and returns it. */
async function until(what, condition, ms = 30000) {
  const begin = process.hrtime.bigint();
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (Number(process.hrtime.bigint() - begin) / 1e6 > ms) {
      throw new Error(`waited ${ms / 1000} s in vain: ${what}`);
    }
    await wait(100);
  }
}

/** A value as text, the same whatever the order of its attributes: DynamoDB keeps none. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const sorted = Object.keys(value).sort();
  return `{${sorted.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)}}`;
}

function check(condition, what) {
  if (!condition) throw new Error(what);
}

/** The local servers, as a process of the binary. */
class Servers {
  static async start() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kinfolk-interop-'));
    const file = path.join(folder, 'local.env');
    const arguments_ = ['local', '--kinesis-port', '0', '--dynamodb-port', '0', '--env-file', file];
    const child = spawn(KINFOLK, arguments_, { stdio: 'ignore' });
    await until('the local servers start', () => fs.existsSync(file));
    const exported = fs.readFileSync(file, 'utf8').matchAll(/^export (\w+)=(.*)$/gm);
    const env = Object.fromEntries([...exported].map(([, name, value]) => [name, value]));
    return new Servers(child, env, folder);
  }

  constructor(child, env, folder) {
    const kinesis = env.AWS_ENDPOINT_URL_KINESIS;
    const dynamodb = env.AWS_ENDPOINT_URL_DYNAMODB;
    Object.assign(this, { child, env, folder, kinesisEndpoint: kinesis, dynamodbEndpoint: dynamodb });
    // Reading beside others is throttled now and then.
    const retries = { maxRetries: 12, retryDelayOptions: { base: 100 } };
    this.kinesis = new AWS.Kinesis({ ...KEYS, ...retries, endpoint: kinesis });
    this.dynamodb = new AWS.DynamoDB.DocumentClient({ ...KEYS, endpoint: dynamodb });
  }

  stop() {
    this.child.kill();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A stream and a group of its own, and every process that one check starts. */
class Scene {
  constructor(servers, name) {
    Object.assign(this, { servers, stream: name, group: `group-of-${name}`, processes: [], put: 0 });
    this.kinesisEndpoint = servers.kinesisEndpoint;
    this.folder = path.join(servers.folder, name);
    fs.mkdirSync(this.folder);
  }

  async kinfolk(...args) {
    const env = { ...process.env, ...this.env() };
    const { stdout } = await promisify(execFile)(KINFOLK, args, { env, maxBuffer: 1 << 26 });
    return stdout;
  }

  env() {
    return { ...this.servers.env, AWS_ENDPOINT_URL_KINESIS: this.kinesisEndpoint };
  }

  create(shards = 1) {
    return this.kinfolk('stream', 'create', this.stream, '--shards', String(shards));
  }

  async shards() {
    const answer = await this.servers.kinesis.listShards({ StreamName: this.stream }).promise();
    return answer.Shards;
  }

  /** Puts so many records, each an object with its number; into one shard, if it is given. */
  async produce(count, shard) {
    const range = shard && (await this.shards()).find((one) => one.ShardId === shard).HashKeyRange;
    const hash = range && { ExplicitHashKey: range.StartingHashKey };
    const first = this.put;
    for (let at = 0; at < count; at += 500) {
      const numbers = Array.from({ length: Math.min(500, count - at) }, (_, n) => first + at + n);
      const Records = numbers.map((number) => ({
        PartitionKey: `key-${number % 97}`,
        Data: JSON.stringify({ number }),
        ...hash,
      }));
      const params = { StreamName: this.stream, Records };
      const answer = await this.servers.kinesis.putRecords(params).promise();
      check(answer.FailedRecordCount === 0, 'records were refused');
    }
    this.put += count;
  }

  /** The group's item as it is now. */
  async item() {
    const Key = { consumerGroup: this.group, streamName: this.stream };
    const params = { TableName: TABLE, Key, ConsistentRead: true };
    try {
      return (await this.servers.dynamodb.get(params).promise()).Item;
    } catch (error) {
      if (error.code === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  }

  /** Waits for an item of which something is so, and returns it. */
  until(what, condition, ms) {
    const look = async () => {
      const item = await this.item();
      return item && condition(item) && item;
    };
    return until(what, look, ms);
  }

  /** Looks at the item again and again until it is told to end; then returns all that differed. */
  watch(every = 15) {
    const seen = [];
    let over = false;
    const looking = (async () => {
      let last;
      while (!over) {
        const item = await this.item();
        const text = item && canonical(item);
        if (item && text !== last) seen.push({ at: Date.now(), item });
        last = text;
        await wait(every);
      }
    })();
    return async () => {
      over = true;
      await looking;
      return seen;
    };
  }

  /** A worker of ours. */
  worker(more = [], options = {}) {
    const args = ['consume', '-v', '--stream', this.stream, '--group', this.group];
    const from = more.includes('--from') ? [] : ['--from', 'trim-horizon'];
    const worker = new Worker(this, [...args, ...from, ...more], options);
    this.processes.push(worker);
    return worker;
  }

  options(more = {}) {
    return {
      ...KEYS,
      endpoint: this.kinesisEndpoint,
      dynamoDb: { ...KEYS, endpoint: this.servers.dynamodbEndpoint },
      streamName: this.stream,
      consumerGroup: this.group,
      leaseAcquisitionInterval: 2000,
      noRecordsPollDelay: 250,
      ...more,
    };
  }

  /** A Node consumer; it is ready once it has tried to lease its share. */
  async node(more = {}, execArgv = [], env = {}) {
    const node = new Node(this, this.options(more), execArgv, env);
    this.processes.push(node);
    await node.ready;
    return node;
  }

  /** Parts of the library in a process of their own, whose clock can be set. */
  async parts(more = {}) {
    const parts = new Parts(this, this.options(more));
    this.processes.push(parts);
    await parts.call('begin');
    return parts;
  }

  /** Everything on a shard. */
  async read(shard) {
    const { kinesis } = this.servers;
    const from = { StreamName: this.stream, ShardId: shard, ShardIteratorType: 'TRIM_HORIZON' };
    let { ShardIterator } = await kinesis.getShardIterator(from).promise();
    const records = [];
    for (let empty = 0; ShardIterator && empty < 2; ) {
      const answer = await kinesis.getRecords({ ShardIterator }).promise();
      records.push(...answer.Records);
      empty = answer.Records.length ? 0 : empty + 1;
      ShardIterator = answer.NextShardIterator;
    }
    return records.map(({ Data, SequenceNumber: sequence }) => ({
      sequence,
      number: JSON.parse(Data).number,
    }));
  }

  /** Records by number, of these processes. */
  numbers(...processes) {
    return new Set(processes.flatMap((one) => one.lines().map((line) => line.number)));
  }

  /** Waits until every record that was put came out of one of these processes. */
  async allOut(processes, ms = 30000, from = 0) {
    const missing = () => {
      const out = this.numbers(...processes);
      return Array.from({ length: this.put - from }, (_, n) => from + n).filter((n) => !out.has(n));
    };
    try {
      await until('all came out', () => missing().length === 0, ms);
    } catch {
      const lost = missing();
      throw new Error(`lost ${lost.length} of ${this.put - from}: ${lost.slice(0, 10)}`);
    }
  }

  async end() {
    await Promise.all(this.processes.map((one) => one.kill()));
  }
}

function exited(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', resolve));
}

/** What all processes have. */
class Process {
  async signal(name) {
    this.child.kill(name);
    if (name !== 'SIGSTOP' && name !== 'SIGCONT') await exited(this.child);
  }

  stop() {
    return this.signal('SIGTERM');
  }

  kill() {
    return this.signal('SIGKILL');
  }

  isAlive() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Its consumer id in an item. */
  idIn(item) {
    const mine = Object.entries(item.consumers).filter(([, entry]) => entry.pid === this.child.pid);
    return mine.map(([id]) => id)[0];
  }

  /** The open shards that it holds. */
  held(item) {
    const id = this.idIn(item);
    const shards = Object.entries(item.shards).filter(([, shard]) => !shard.depleted);
    return id ? shards.filter(([, shard]) => shard.leaseOwner === id).map(([shard]) => shard) : [];
  }
}

function parsed(line) {
  const object = JSON.parse(line);
  return { ...object, number: JSON.parse(object.data).number };
}

class Worker extends Process {
  constructor(scene, args, { paused }) {
    super();
    this.out = [];
    this.log = [];
    this.child = spawn(KINFOLK, args, {
      env: { ...process.env, ...scene.env() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    readline.createInterface(this.child.stderr).on('line', (line) => this.log.push(line));
    if (!paused) this.resume();
  }

  /** Reads its output; until then its handler hangs once the pipe is full. */
  resume() {
    readline.createInterface(this.child.stdout).on('line', (line) => this.out.push(line));
  }

  lines() {
    return this.out.map(parsed);
  }

  said(text) {
    return this.log.filter((line) => line.includes(text));
  }
}

class Node extends Process {
  constructor(scene, options, execArgv, env) {
    super();
    this.file = path.join(scene.folder, `node-${scene.processes.length}.ndjson`);
    this.log = [];
    this.child = fork(path.join(__dirname, 'consumer.js'), [JSON.stringify(options), this.file], {
      cwd: __dirname,
      env: { ...process.env, ...env },
      execArgv,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    readline.createInterface(this.child.stderr).on('line', (line) => this.log.push(line));
    this.ready = new Promise((resolve, reject) => {
      this.child.once('message', resolve);
      this.child.once('exit', () => reject(new Error(`no Node consumer: ${this.log.join('\n')}`)));
    });
  }

  lines() {
    const text = fs.existsSync(this.file) ? fs.readFileSync(this.file, 'utf8') : '';
    // A kill may tear the last line.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    return whole.split('\n').filter(Boolean).map(parsed);
  }
}

class Parts extends Process {
  constructor(scene, options) {
    super();
    this.child = fork(path.join(__dirname, 'parts.js'), [JSON.stringify(options)], {
      cwd: __dirname,
      env: process.env,
      execArgv: ['-r', path.join(__dirname, 'clock.js')],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.waiting = new Map();
    this.calls = 0;
    this.child.on('message', ({ call, answer, error }) => {
      const { resolve, reject } = this.waiting.get(call);
      this.waiting.delete(call);
      if (error) reject(new Error(error));
      else resolve(answer);
    });
  }

  /** Calls a function of `parts.js`. */
  call(name, ...args) {
    this.calls += 1;
    const call = this.calls;
    return new Promise((resolve, reject) => {
      this.waiting.set(call, { resolve, reject });
      this.child.send({ call, name, args });
    });
  }
}

/** Runs checks side by side, prints a line for each, and fails if one does. */
async function runAll(title, checks, { most = 8 } = {}) {
  const servers = await Servers.start();
  const [failures, scenes] = [[], []];
  const only = process.argv.slice(2);
  const queue = Object.entries(checks).filter(
    ([name]) => !only.length || only.some((part) => name.includes(part))
  );
  const total = queue.length;
  const runOne = async ([name, run]) => {
    const begin = Date.now();
    const scene = new Scene(servers, name);
    scenes.push(scene);
    let told;
    try {
      told = `ok      ${await run(scene)}`;
    } catch (error) {
      failures.push(name);
      const logs = scene.processes.slice(-3).flatMap((one) => (one.log || []).slice(-12));
      told = `FAILED  ${error.stack}\n${logs.map((line) => `    | ${line}`).join('\n')}`;
    }
    await scene.end();
    const seconds = ((Date.now() - begin) / 1000).toFixed(0).padStart(4);
    console.log(`${seconds} s  ${name.padEnd(34)} ${told}`);
  };
  const next = async () => {
    while (queue.length) await runOne(queue.shift());
  };
  const interrupted = async () => {
    queue.length = 0;
    await Promise.all(scenes.map((scene) => scene.end()));
    servers.stop();
    process.exit(1);
  };
  process.once('SIGTERM', interrupted).once('SIGINT', interrupted);
  console.log(`== ${title}`);
  await Promise.all(Array.from({ length: most }, next));
  servers.stop();
  console.log(`${total - failures.length} of ${total} hold`);
  if (failures.length) throw new Error(`these do not hold: ${failures.join(', ')}`);
}

function main(title, checks, options) {
  runAll(title, checks, options).then(
    () => process.exit(0),
    (error) => {
      console.error(error.message);
      process.exit(1);
    }
  );
}

module.exports = { TABLE, canonical, check, main, until, wait };
