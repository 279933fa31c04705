// A proxy in front of Kinesis for the library's fan-out mode: its parser breaks when two frames of an
// event stream come in one chunk, so this writes one at a time.
'use strict';

const http = require('http');

const APART_MS = 15;

function pace(answer, response) {
  const frames = [];
  let rest = Buffer.alloc(0);
  let over = false;
  const timer = setInterval(() => {
    const frame = frames.shift();
    if (frame) response.write(frame);
    else if (over) {
      clearInterval(timer);
      response.end();
    }
  }, APART_MS);
  answer.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= rest.readUInt32BE(0)) {
      const length = rest.readUInt32BE(0);
      frames.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  });
  const end = () => {
    over = true;
  };
  answer.on('end', end).on('error', end);
  response.on('close', () => clearInterval(timer));
}

/** Starts one; returns its endpoint, and what stops it. */
function paced(endpoint) {
  const { hostname, port } = new URL(endpoint);
  let subscriptions = 0;
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request;
    const on = http.request({ hostname, port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      if (!/eventstream/.test(answer.headers['content-type'] || '')) {
        answer.pipe(response);
        return;
      }
      subscriptions += 1;
      response.socket.setNoDelay(true);
      response.flushHeaders();
      pace(answer, response);
      response.on('close', () => on.destroy());
    });
    on.on('error', () => {
      if (!response.headersSent) response.writeHead(502);
      response.end();
    });
    request.pipe(on);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const here = `http://127.0.0.1:${server.address().port}`;
      resolve({ endpoint: here, subscriptions: () => subscriptions, stop: () => server.close() });
    });
  });
}

module.exports = { paced };
