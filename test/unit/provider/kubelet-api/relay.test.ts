import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
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
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const chunks = 256;
  const writing = (async (): Promise<void> => {
    for (let i = 0; i < chunks; i += 1) if (!site.write(chunk)) await once(site, 'drain');
    site.end();
  })();
  let received = 0;
  let pauses = 0;
  client.on('data', (data: Buffer) => {
    received += data.length;
    // Longer than a client that has ended its half is waited for, near the end of all.
    if (received <= (chunks - 8) * chunk.length || pauses === 4) return;
    pauses += 1;
    client.pause();
    setTimeout(() => client.resume(), 60);
  });
  await once(client, 'end');
  await writing;
  client.end();
  await over;
  t.equal(pauses, 4);
  t.equal(received, chunks * chunk.length);
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
