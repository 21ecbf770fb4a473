import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { relay } from '../../../../src/provider/kubelet-api/relay.ts';
import type { Teardown } from './api-fixture.ts';

async function sockets(test: Teardown): Promise<{ client: Socket; server: Socket }> {
  const listener = createServer({ allowHalfOpen: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [server] = (await once(listener, 'connection')) as [Socket];
  test.teardown(async () => {
    client.destroy();
    listener.close();
    await once(listener, 'close');
  });
  return { client, server };
}

void t.test('a half that stays quiet after the other has ended is cut off', async (t) => {
  const { client, server } = await sockets(t);
  const [stream, site] = duplexPair();
  const over = relay(server, stream, { halfCloseIdleMs: 50 });
  client.end('last words');
  await once(site.resume(), 'end');
  await over;
  t.ok(server.destroyed);
  t.ok(stream.destroyed);
});

void t.test('a half that is still speaking is not', async (t) => {
  const { client, server } = await sockets(t);
  const [stream, site] = duplexPair();
  const over = relay(server, stream, { halfCloseIdleMs: 100 });
  client.end();
  await once(site.resume(), 'end');
  let received = 0;
  client.on('data', (data: Buffer) => (received += data.length));
  const startedAt = performance.now();
  let sent = 0;
  while (performance.now() - startedAt < 300) {
    site.write('x');
    sent += 1;
    await once(client, 'data');
  }
  site.end();
  await once(client, 'end');
  await over;
  t.equal(received, sent);
});

void t.test('a client that reads slowly gets all, also after the site has ended', async (t) => {
  const { client, server } = await sockets(t);
  const [stream, site] = duplexPair();
  site.resume();
  const over = relay(server, stream, { halfCloseIdleMs: 20 });
  // Much more than the kernel takes: most of it waits in the relay when the site has ended.
  const output = Buffer.alloc(32 * 1024 * 1024, 'x');
  const ended = once(stream, 'end');
  site.end(output);
  await ended;
  t.ok(server.writableLength > 0);
  // Longer than a client that has ended its half is waited for.
  await delay(200);
  let received = 0;
  client.on('data', (data: Buffer) => (received += data.length));
  await once(client, 'end');
  client.end();
  await over;
  t.equal(received, output.length);
});

void t.test('a site that does not read is not waited for when the client is gone', async (t) => {
  const { client, server } = await sockets(t);
  const [stream, site] = duplexPair();
  const over = relay(server, stream, { lingerMs: 50 });
  client.end('last words');
  site.end();
  await once(client.resume(), 'end');
  await over;
  t.ok(stream.destroyed);
});

void t.test('a client that takes nothing for too long is given up', async (t) => {
  const { client, server } = await sockets(t);
  const [stream, site] = duplexPair();
  const over = relay(server, stream, { drainIdleMs: 50 });
  site.end('the end');
  await once(client.resume(), 'end');
  await over;
  t.ok(server.destroyed);
});
