import { createServer, request } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { PassThrough, Readable } from 'node:stream';
import t from 'tap';
import { TunnelError } from '../../../src/tunnel/errors.ts';
import { Session, type SessionOptions } from '../../../src/tunnel/session.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { ManualClock } from './manual-clock.ts';
import { memoryPair, type MemoryCarrier } from './memory-carrier.ts';

interface Pair {
  client: Session;
  server: Session;
  carriers: [MemoryCarrier, MemoryCarrier];
  /** The next stream that arrives at either end. */
  next: () => Promise<TunnelStream>;
}

function pair(options: Partial<SessionOptions> = {}): Pair {
  const carriers = memoryPair();
  const arrivals = new PassThrough({ objectMode: true, highWaterMark: 1000 });
  const iterator = arrivals[Symbol.asyncIterator]() as AsyncIterator<TunnelStream, TunnelStream>;
  const all = { onStream: (stream: TunnelStream): unknown => arrivals.write(stream), ...options };
  const client = new Session(carriers[0], { ...all, role: 'client' });
  const server = new Session(carriers[1], { ...all, role: 'server' });
  return { client, server, carriers, next: async () => (await iterator.next()).value };
}

function echo(stream: TunnelStream): void {
  pipeline(stream, stream).catch(() => undefined);
}

async function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof TunnelError ? error.code : String(error)),
  );
}

void t.test('both ends open streams, and bytes come back as they were sent', async (t) => {
  const { client, server } = pair({ onStream: echo });
  for (const session of [client, server]) {
    const stream = session.open('interactive');
    stream.end('hello');
    t.equal(await text(stream), 'hello');
  }
  await new Promise(setImmediate);
  t.equal(client.streamCount + server.streamCount, 0, 'ended streams are forgotten');
});

void t.test('ten megabytes cross with back-pressure and unharmed', async (t) => {
  const { client } = pair({ onStream: echo });
  const stream = client.open('bulk');
  const block = Buffer.from(Array.from({ length: 100_003 }, (_, i) => i % 251));
  const sending = pipeline(Readable.from(Array(100).fill(block) as Buffer[]), stream);
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (let i = 0; i < chunk.length; i += 997) {
      if (chunk[i] !== ((bytes + i) % 100_003) % 251) t.fail(`wrong byte at ${bytes + i}`);
    }
    bytes += chunk.length;
  }
  await sending;
  t.equal(bytes, 100 * block.length);
});

void t.test('the smallest windows carry as much, as all credit comes back', async (t) => {
  const limits = { initialWindowBytes: 1000, maxWindowBytes: 1000 };
  const { client } = pair({ onStream: echo, limits });
  const stream = client.open('bulk');
  stream.end(Buffer.alloc(2_000_000, 'x'));
  t.equal((await text(stream)).length, 2_000_000);
});

void t.test('windows grow with a fast reader, and what they grew by is given back', async (t) => {
  const limits = { maxWindowGrowthBytes: 256 * 1024 };
  const { client, next } = pair({ clock: new ManualClock(), limits });
  for (let i = 0; i < 3; i++) {
    const near = client.open('bulk');
    near.end(Buffer.alloc(2_000_000));
    const far = await next();
    far.end();
    t.equal((await text(far)).length, 2_000_000);
    t.equal(far.window.grownBytes, 256 * 1024);
  }
});

void t.test('a stream is half-closed by end and open the other way', async (t) => {
  const { client, next } = pair();
  const near = client.open('interactive');
  near.end('question');
  const far = await next();
  t.equal(await untilEnd(far), 'question');
  far.write('an ');
  far.end('answer');
  t.equal(await untilEnd(near), 'an answer');
});

/** What can be read; unlike an iterator, which on Bun closes the other direction too. */
async function untilEnd(stream: TunnelStream): Promise<string> {
  let read = '';
  stream.on('data', (chunk: Buffer) => {
    read += chunk.toString();
  });
  await once(stream, 'end');
  return read;
}

void t.test('destroying a stream resets it at the peer, for reader and writer', async (t) => {
  const { client, next } = pair();
  const near = client.open('interactive');
  near.write('x');
  const far = await next();
  const reading = text(far);
  near.destroy();
  t.equal(await code(reading), 'STREAM_RESET');
  const writing = new Promise((resolve) => {
    far.write('y', resolve);
  });
  t.match(await writing, { code: 'ERR_STREAM_DESTROYED' });
  t.match(far.errored, { code: 'STREAM_RESET' });
});

void t.test('a reader that stalls holds back its own stream and no other', async (t) => {
  const { client, next, carriers } = pair();
  const stalled = client.open('bulk');
  const big = Buffer.alloc(4 * 1024 * 1024);
  stalled.write(big);
  const first = await next();
  const other = client.open('bulk');
  other.end('through');
  t.equal(await text(await next()), 'through');
  const sent = carriers[0].sent.reduce((sum, bytes) => sum + bytes.length, 0);
  t.ok(sent < 300 * 1024, `one window was sent, not all: ${sent}`);
  let read = 0;
  for await (const chunk of first as AsyncIterable<Buffer>) {
    read += chunk.length;
    if (read === big.length) break;
  }
  t.equal(read, big.length);
});

void t.test('the loss of a session reaches readers and writers of all streams', async (t) => {
  const { client, server, next, carriers } = pair();
  const near = client.open('interactive');
  near.write('x');
  const far = await next();
  const reading = text(near);
  const writing = new Promise((resolve) => {
    far.write(Buffer.alloc(1024 * 1024), resolve);
  });
  const unwatched = client.open('interactive');
  carriers[0].terminate();
  t.equal(await code(reading), 'CONNECTION_LOST');
  t.match(await writing, { code: 'CONNECTION_LOST' });
  t.equal((await client.closed).code, 'CONNECTION_LOST');
  t.equal((await server.closed).code, 'CONNECTION_LOST');
  t.ok(unwatched.destroyed);
  t.throws(() => client.open('bulk'), { code: 'CONNECTION_LOST' });
  t.equal(await code(client.ping()), 'CONNECTION_LOST');
});

void t.test('close says why to this end and that it was orderly to the other', async (t) => {
  const { client, server } = pair();
  client.close();
  t.equal((await client.closed).code, 'SESSION_CLOSED');
  t.equal((await server.closed).code, 'PEER_CLOSED');
});

void t.test('go-away lets running streams finish and refuses new ones', async (t) => {
  const { client, server } = pair({ onStream: echo });
  const running = client.open('interactive');
  running.write('before ');
  await client.ping();
  const drained = server.drain(60_000);
  await client.remoteGoAway;
  t.throws(() => client.open('bulk'), { code: 'GOING_AWAY' });
  t.throws(() => server.open('bulk'), { code: 'GOING_AWAY' });
  running.end('after');
  t.equal(await text(running), 'before after');
  t.equal((await drained).code, 'SESSION_CLOSED');
});

void t.test('a stream serves node:http as a socket, at both ends', async (t) => {
  const http = createServer((req, res) => {
    res.end(`you asked for ${req.url ?? ''}`);
  });
  const { client } = pair({ onStream: (stream) => http.emit('connection', stream) });
  const req = request({ path: '/x', createConnection: () => client.open('interactive') });
  req.end();
  const [res] = (await once(req, 'response')) as [Readable];
  t.equal(await text(res), 'you asked for /x');
});

void t.test('a handler that throws has its stream reset, and the session goes on', async (t) => {
  const { client } = pair({
    onStream: () => {
      throw new TypeError('a bug');
    },
  });
  const stream = client.open('interactive');
  t.equal(await code(finished(stream.resume())), 'STREAM_REFUSED');
  t.ok((await client.ping()) >= 0);
});

void t.test('ping gives the round trip', async (t) => {
  const { client } = pair();
  t.ok((await client.ping()) > 0);
  t.ok((client.rttMs ?? 0) > 0);
});
