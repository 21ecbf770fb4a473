import { text, buffer } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import t, { type Test } from 'tap';
import { Session } from '../../src/tunnel/session.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { buildGoPeer, GoPeer, missingForGoPeer } from './tunnel-interop/go-peer.ts';
import { SocketCarrier } from './tunnel-interop/socket-carrier.ts';

type Role = 'client' | 'server';

const roles: readonly Role[] = ['client', 'server'];

function echo(stream: TunnelStream): void {
  pipeline(stream, stream).catch(() => undefined);
}

async function join(
  t: Test,
  program: string,
  role: Role,
): Promise<{ peer: GoPeer; session: Session }> {
  const peer = await GoPeer.start(program, role === 'client' ? 'server' : 'client');
  const session = new Session(new SocketCarrier(peer.socket), { onStream: echo, role });
  t.teardown(async () => {
    session.close();
    await peer.stop();
  });
  return { peer, session };
}

async function roundTrip(session: Session, bytes: number, seed: number): Promise<boolean> {
  const sent = Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 11 + seed) % 256));
  const stream = session.open('bulk');
  stream.end(sent);
  return sent.equals(await buffer(stream));
}

async function suite(t: Test, program: string, role: Role): Promise<void> {
  await t.test('streams that this end opens', async (t) => {
    const { session } = await join(t, program, role);
    const results = Array.from({ length: 50 }, (_, seed) => roundTrip(session, 300_000, seed));
    t.ok((await Promise.all(results)).every(Boolean));
  });

  await t.test('streams that the Go end opens', async (t) => {
    const { peer, session } = await join(t, program, role);
    t.equal(await peer.command('open 50 300000'), 'ok');
    t.equal(await peer.command('open 1 50000000'), 'ok', 'with windows that grow');
    t.equal(await peer.command('open 1 1'), 'ok');
    t.ok(session.isOpen);
  });

  await t.test('many streams both ways at once', async (t) => {
    const { peer, session } = await join(t, program, role);
    const theirs = peer.command('open 100 200000');
    const ours = Array.from({ length: 100 }, (_, seed) => roundTrip(session, 200_000, seed));
    t.ok((await Promise.all(ours)).every(Boolean));
    t.equal(await theirs, 'ok');
  });

  await t.test('pings of both ends', async (t) => {
    const { peer, session } = await join(t, program, role);
    t.equal(await peer.command('ping'), 'ok');
    t.ok((await session.ping()) > 0);
  });

  await t.test('a reset in the middle of a transfer leaves the session as it was', async (t) => {
    const { peer, session } = await join(t, program, role);
    for (let i = 0; i < 20; i++) {
      const stream = session.open('bulk');
      stream.write(Buffer.alloc(1_000_000));
      await new Promise((resolve) => stream.once('data', resolve));
      stream.destroy();
    }
    t.ok(await roundTrip(session, 100_000, 1));
    t.equal(await peer.command('open 5 100000'), 'ok');
  });

  await t.test('go-away from the Go end', async (t) => {
    const { peer, session } = await join(t, program, role);
    const running = session.open('interactive');
    running.write('still ');
    await session.ping();
    t.equal(await peer.command('go-away'), 'ok');
    await session.remoteGoAway;
    t.throws(() => session.open('bulk'), { code: 'GOING_AWAY' });
    running.end('running');
    t.equal(await text(running), 'still running');
  });

  await t.test('go-away from this end', async (t) => {
    const { peer, session } = await join(t, program, role);
    session.goAway();
    await session.ping();
    t.match(await peer.command('open 1 1'), /remote end is not accepting connections/);
  });

  await t.test('the end of the Go end', async (t) => {
    const { peer, session } = await join(t, program, role);
    const stream = session.open('interactive');
    await session.ping();
    const failed = finished(stream.resume()).catch((error: unknown) => error);
    t.equal(await peer.command('close'), 'ok');
    t.match(await failed, { code: 'CONNECTION_LOST' });
    t.equal((await session.closed).code, 'CONNECTION_LOST');
  });
}

t.setTimeout(240_000);
const missing = await missingForGoPeer((line) => {
  t.comment(line);
});

void t.test('hashicorp/yamux in Go', { skip: missing ?? false, timeout: 200_000 }, async (t) => {
  const { program, remove } = buildGoPeer();
  t.teardown(remove);
  for (const role of roles) {
    await t.test(`with this end as ${role}`, (t) => suite(t, program, role));
  }
});
