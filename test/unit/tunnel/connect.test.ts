import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import t, { type Test } from 'tap';
import { systemClock, type Clock } from '../../../src/tunnel/clock.ts';
import { connectTunnel, type LinkState } from '../../../src/tunnel/connect.ts';
import type { Session } from '../../../src/tunnel/session.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { testCertificates } from './certificates.ts';
import { startTunnelServer, type TunnelServer } from './tunnel-server.ts';

const certificates = testCertificates();

function echo(stream: TunnelStream): void {
  pipeline(stream, stream).catch(() => undefined);
}

/** A runner's end under test; `session(n)` waits for the n-th session, `state` for the next state of a kind. */
class Runner {
  readonly states: LinkState[] = [];
  readonly sessions: Session[] = [];
  readonly done: Promise<void>;
  readonly #abort = new AbortController();
  #changed = Promise.withResolvers<undefined>();

  constructor(addresses: string[], clock: Clock = systemClock) {
    this.done = connectTunnel({
      addresses,
      tls: certificates.client,
      signal: this.#abort.signal,
      session: { onStream: echo, clock },
      random: () => 0.02,
      onSession: (session) => {
        this.sessions.push(session);
      },
      onState: (state) => {
        this.states.push(state);
        this.#changed.resolve(undefined);
        this.#changed = Promise.withResolvers();
      },
    });
  }

  async until(reached: () => boolean): Promise<void> {
    while (!reached()) await this.#changed.promise;
  }

  async session(index: number): Promise<Session> {
    const connected = (): number => this.states.filter((s) => s.kind === 'connected').length;
    await this.until(() => connected() > index);
    const session = this.sessions[index];
    if (!session) throw new TypeError('connected without a session');
    return session;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.done;
  }
}

async function provider(t: Test, port?: number): Promise<TunnelServer> {
  const server = await startTunnelServer(certificates, { onStream: echo }, port);
  t.teardown(() => server.stop());
  return server;
}

void t.test('a lost session is followed by another, and abort ends it all', async (t) => {
  const server = await provider(t);
  const runner = new Runner([server.address]);
  await runner.session(0);
  server.sessions[0]?.close();
  const second = await runner.session(1);
  const stream = second.open('interactive');
  stream.end('again');
  t.equal(await text(stream), 'again');
  await runner.stop();
  t.equal((await second.closed).code, 'SESSION_CLOSED');
  t.match(
    runner.states.map(({ kind }) => kind),
    ['connecting', 'connected', 'disconnected', 'connecting', 'connected'],
  );
  t.match(runner.states[2], { error: { code: 'PEER_CLOSED' } });
});

void t.test('while nobody answers it says why and goes on trying', async (t) => {
  const server = await provider(t);
  const { port } = server;
  await server.stop();
  const runner = new Runner([server.address]);
  await runner.until(() => runner.states.filter((s) => s.kind === 'disconnected').length > 2);
  t.match(runner.states[1], { kind: 'disconnected', error: { code: 'CONNECTION_REFUSED' } });
  await provider(t, port);
  await runner.session(0);
  await runner.stop();
});

void t.test('abort before there is a session ends the attempts', async (t) => {
  const runner = new Runner(['wss://127.0.0.1:1/v1/tunnel']);
  await runner.until(() => runner.states.length > 1);
  await runner.stop();
  t.equal(runner.sessions.length, 0);
});

void t.test(
  'after go-away of a stable session the next is dialled while streams run on',
  async (t) => {
    const [old, next] = [await provider(t), await provider(t)];
    let offsetMs = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + offsetMs };
    const runner = new Runner([old.address, next.address], clock);
    const first = await runner.session(0);
    const running = first.open('interactive');
    running.write('begun ');
    await first.ping();
    offsetMs = 60_000;
    old.server.close();
    const drained = old.sessions[0]?.drain(60_000);
    const second = await runner.session(1);
    t.ok(first.isOpen && second.isOpen);
    running.end('and finished');
    t.equal(await text(running), 'begun and finished');
    t.equal((await drained)?.code, 'SESSION_CLOSED');
    t.notOk(runner.states.some(({ kind }) => kind === 'disconnected'));
    await runner.stop();
  },
);

void t.test(
  'a session that goes away as soon as it is there is not dialled in a hot loop',
  async (t) => {
    const server = await provider(t);
    const runner = new Runner([server.address]);
    await runner.session(0);
    server.sessions[0]?.goAway();
    await runner.until(() => runner.states.some(({ kind }) => kind === 'disconnected'));
    t.match(runner.states.at(-1), { error: { code: 'GOING_AWAY' } });
    await runner.stop();
  },
);

void t.test('what mends this end is waited for before the next dial', async (t) => {
  const server = await provider(t);
  const { port } = server;
  await server.stop();
  const mended = Promise.withResolvers<undefined>();
  const told: string[] = [];
  const abort = new AbortController();
  const dialled = Promise.withResolvers<undefined>();
  const done = connectTunnel({
    addresses: [server.address],
    tls: certificates.client,
    signal: abort.signal,
    session: { onStream: echo },
    random: () => 0,
    onSession: () => {
      dialled.resolve(undefined);
    },
    onState: ({ kind }) => told.push(kind),
    mend: async ({ code }) => {
      told.push(code);
      await provider(t, port);
      await mended.promise;
      return false;
    },
  });
  // The listener is there, and nobody dials it.
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.strictSame(told, ['connecting', 'disconnected', 'CONNECTION_REFUSED']);
  mended.resolve(undefined);
  await dialled.promise;
  t.strictSame(told.slice(3, 4), ['connecting']);
  abort.abort();
  await done;
});

void t.test('what was mended is tried at once, but not for ever', async (t) => {
  const server = await provider(t);
  await server.stop();
  const abort = new AbortController();
  const fourth = Promise.withResolvers<undefined>();
  const told: string[] = [];
  const done = connectTunnel({
    addresses: [server.address],
    tls: certificates.client,
    signal: abort.signal,
    session: { onStream: echo },
    // Every delay is hours.
    random: () => 100_000,
    onSession: () => undefined,
    onState: ({ kind }) => told.push(kind),
    mend: () => {
      if (told.filter((kind) => kind === 'disconnected').length === 4) fourth.resolve(undefined);
      return Promise.resolve(true);
    },
  });
  await fourth.promise;
  // A fifth would be dialled by now.
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(told.filter((kind) => kind === 'connecting').length, 4);
  abort.abort();
  await done;
});
