import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import pino from 'pino';
import t from 'tap';
import { TlsFront } from '../../../../src/provider/kubelet-api/tls-front.ts';
import { dripHandshake } from '../../tunnel/slow-handshake.ts';
import type { Teardown } from './api-fixture.ts';
import { TestCa } from './test-pki.ts';

const ca = new TestCa('server-ca');

async function start(test: Teardown): Promise<number> {
  const serving = ca.issue({ commonNames: ['kubelet'], usage: 'server' });
  const front = new TlsFront(
    {
      certificate: () => serving,
      clientCa: () => [],
      log: pino({ level: 'silent' }),
      timeouts: { handshakeMs: 200, headersMs: 300, requestMs: 500 },
    },
    (_request, response) => {
      response.end('ok');
    },
  );
  const listener = createServer((socket) => {
    front.accept(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  test.teardown(async () => {
    front.server.closeAllConnections();
    front.server.close();
    listener.close();
    await once(listener, 'close');
  });
  return (listener.address() as AddressInfo).port;
}

void t.test('a client that never finishes its headers is cut off', async (t) => {
  const port = await start(t);
  const socket = connect({ host: '127.0.0.1', port, ca: ca.cert });
  await once(socket, 'secureConnect');
  socket.write('GET / HTTP/1.1\r\n');
  const drip = setInterval(() => socket.write('X-Slow: loris\r\n'), 20);
  socket.on('error', () => undefined);
  const seen = await text(socket).catch(() => '');
  clearInterval(drip);
  t.match(seen, /^(HTTP\/1\.1 408 |$)/);
  t.ok(socket.destroyed);
});

void t.test('a client that never finishes its handshake is cut off', async (t) => {
  const port = await start(t);
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve).resume());
  t.ok(socket.destroyed);
});

void t.test('a client that drips its handshake is cut off', async (t) => {
  const said = await dripHandshake(await start(t), 20);
  t.ok(said > 0 && said < 0.5, `${said} of its first message`);
});

void t.test('a client that never asks anything is cut off', async (t) => {
  const port = await start(t);
  const socket = connect({ host: '127.0.0.1', port, ca: ca.cert });
  socket.on('error', () => undefined);
  t.match(await text(socket).catch(() => ''), /^(HTTP\/1\.1 408 |$)/);
  t.ok(socket.destroyed);
});

void t.test('a client that drips its body is cut off', async (t) => {
  const port = await start(t);
  const socket = connect({ host: '127.0.0.1', port, ca: ca.cert });
  socket.on('error', () => undefined);
  socket.write('POST / HTTP/1.1\r\nHost: node\r\nContent-Length: 100000\r\n\r\n');
  const drip = setInterval(() => socket.write('x'), 20);
  await text(socket).catch(() => '');
  clearInterval(drip);
  t.ok(socket.destroyed);
});
