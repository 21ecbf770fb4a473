import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import t, { type Test } from 'tap';
import { waitFor } from '../../../../hack/lab/wait.ts';
import { quietMs } from '../../../../src/edge-runner/streams/limits.ts';
import { RuntimeSocket } from '../../../../src/edge-runner/streams/runtime-socket.ts';

/** A client's stream that takes nothing until the test lets it. */
class SlowClient extends Duplex {
  received = 0;
  #waiting: (() => void) | undefined;
  #isOpen = false;

  open(): void {
    this.#isOpen = true;
    this.#waiting?.();
  }

  override _read(): void {
    return;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.received += chunk.length;
    if (this.#isOpen) done();
    else this.#waiting = done;
  }
}

/** A streaming server of a runtime: takes the request, and hands the connection to the test. */
async function listen(t: Test): Promise<{ url: URL; connection: Promise<Socket> }> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const connection = once(server, 'connection').then(([socket]) => socket as Socket);
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), connection };
}

/** A PING frame of SPDY/3.1, and a masked one of WebSocket without a payload. */
const pings = {
  spdy: Buffer.from('800300060000000400000001', 'hex'),
  webSocket: Buffer.from('898001020304', 'hex'),
};

for (const [name, ping] of Object.entries(pings)) {
  void t.test(`a ping of ${name} costs nothing of what the runtime sent last`, async (t) => {
    const { url, connection } = await listen(t);
    const socket = new RuntimeSocket(url);
    await socket.connect();
    const client = new SlowClient();
    const relayed = socket.relay('GET / HTTP/1.1\r\n\r\n', client);
    const runtime = await connection;
    await once(runtime, 'data');
    // The runtime reads no more, as containerd when the command has ended.
    runtime.pause();
    // More than the receiving kernel takes as long as nobody reads, less than the sending one keeps.
    const sent = 2 * 1024 * 1024;
    runtime.write(Buffer.alloc(sent, 1));
    await waitFor(() => client.received > 0, { what: 'the first bytes', timeoutMs: 5_000 });
    runtime.destroySoon();
    await once(runtime, 'close');
    client.push(ping);
    await new Promise((resolve) => setTimeout(resolve, 200));
    client.open();
    await once(client, 'finish');
    t.equal(client.received, sent);
    client.push(null);
    await relayed;
  });
}

void t.test('nor does one that comes while this end had no time to read', async (t) => {
  const { url, connection } = await listen(t);
  const socket = new RuntimeSocket(url);
  await socket.connect();
  const client = new SlowClient();
  client.open();
  const relayed = socket.relay('GET / HTTP/1.1\r\n\r\n', client);
  const runtime = await connection;
  await once(runtime, 'data');
  runtime.pause();
  runtime.write('first');
  await waitFor(() => client.received === 5, { what: 'the first bytes', timeoutMs: 5_000 });
  const sent = 2 * 1024 * 1024;
  runtime.write(Buffer.alloc(sent, 1));
  // Longer than what counts as quiet, as on a machine with too much to do.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * quietMs);
  client.push(pings.spdy);
  runtime.destroySoon();
  await once(client, 'finish');
  t.equal(client.received, 5 + sent);
  client.push(null);
  await relayed;
});
