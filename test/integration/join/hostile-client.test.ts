import { connect as connectTcp, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { joinRequestOf, FileKey } from '../../../src/edge-runner/join/device-key.ts';
import {
  connectionsCheckMs,
  handshakeTimeoutMs,
  headersTimeoutMs,
  requestTimeoutMs,
} from '../../../src/provider/tunnel-server/limits.ts';
import { startProvider } from './provider-fixture.ts';

/** A busy machine is late, and that is no reason to fail. */
const slackMs = 15_000;

const provider = await startProvider();
t.teardown(() => provider.close());
t.setTimeout(requestTimeoutMs + connectionsCheckMs + 2 * slackMs);

function tls(): TLSSocket {
  const ca = provider.authority.certificatePem;
  const socket = connect({ host: '127.0.0.1', port: provider.port, ca });
  socket.on('error', () => undefined);
  return socket;
}

/** What comes until the provider closes, and how long that took. */
async function closing(socket: Socket): Promise<{ answer: string; tookMs: number }> {
  const start = performance.now();
  const answer = await text(socket).catch(() => '');
  return { answer, tookMs: performance.now() - start };
}

/** Writes now and then, as slowly as pays. */
function drip(socket: Socket, piece: string): void {
  const timer = setInterval(() => socket.write(piece), 500);
  socket.on('close', () => {
    clearInterval(timer);
  });
}

t.jobs = 4;

void t.test('a client that never begins TLS is cut off', async (t) => {
  const socket = connectTcp(provider.port, '127.0.0.1');
  socket.on('error', () => undefined);
  t.ok((await closing(socket)).tookMs < handshakeTimeoutMs + slackMs);
});

void t.test('a client that never asks anything is cut off', async (t) => {
  const { answer, tookMs } = await closing(tls());
  t.match(answer, /^(HTTP\/1\.1 408 |$)/);
  t.ok(tookMs < headersTimeoutMs + connectionsCheckMs + slackMs);
});

void t.test('a client that drips its headers is cut off', async (t) => {
  const socket = tls();
  socket.write('GET /healthz HTTP/1.1\r\nHost: provider\r\n');
  drip(socket, 'X-Slow: loris\r\n');
  const { answer, tookMs } = await closing(socket);
  t.match(answer, /^(HTTP\/1\.1 408 |$)/);
  t.ok(tookMs < headersTimeoutMs + connectionsCheckMs + slackMs);
});

void t.test('a client that drips its body is cut off', async (t) => {
  const socket = tls();
  const head = ['POST /v1/join HTTP/1.1', 'Host: provider', 'Content-Type: application/json'];
  socket.write([...head, 'Content-Length: 10000', '', ''].join('\r\n'));
  drip(socket, ' ');
  const { tookMs } = await closing(socket);
  t.ok(tookMs < requestTimeoutMs + connectionsCheckMs + slackMs);
});

void t.test('a packed body is not unpacked', async (t) => {
  const key = FileKey.generate();
  const join = joinRequestOf(key, { tenant: 'acme', site: 'shop', token: 'x' });
  const bodies = [gzipSync(Buffer.alloc(10_000_000, ' ')), gzipSync(JSON.stringify(join))];
  for (const body of bodies) {
    const socket = tls();
    const head = ['POST /v1/join HTTP/1.1', 'Host: provider', 'Connection: close'];
    const kind = ['Content-Type: application/json', 'Content-Encoding: gzip'];
    socket.write([...head, ...kind, `Content-Length: ${body.length}`, '', ''].join('\r\n'));
    socket.write(body);
    t.match((await closing(socket)).answer, /^HTTP\/1\.1 400 [\s\S]*REQUEST_INVALID/);
  }
});

void t.test('an offer to compress the tunnel is not taken up', async (t) => {
  const socket = tls();
  socket.write(
    [
      ...['GET /v1/tunnel HTTP/1.1', 'Host: provider', 'Connection: Upgrade', 'Upgrade: websocket'],
      ...['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='],
      ...['Sec-WebSocket-Extensions: permessage-deflate', '', ''],
    ].join('\r\n'),
  );
  const { answer } = await closing(socket);
  t.match(answer, /^HTTP\/1\.1 401 /);
  t.notMatch(answer, /permessage-deflate/i);
});

void t.test('line breaks in a path get into no header', async (t) => {
  for (const path of ['/v1/join%0d%0aX-Injected:%20yes', '/healthz%0d%0a%0d%0aowned']) {
    const socket = tls();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: provider\r\nConnection: close\r\n\r\n`);
    const [head = ''] = (await closing(socket)).answer.split('\r\n\r\n');
    t.match(head, /^HTTP\/1\.1 404 /);
    t.notMatch(head, /injected/i);
  }
});
