import t from 'tap';
import { Session } from '../../../src/tunnel/session.ts';
import { ManualClock } from './manual-clock.ts';
import { memoryPair, type MemoryCarrier } from './memory-carrier.ts';

interface World {
  clock: ManualClock;
  ends: [Session, Session];
  carriers: [MemoryCarrier, MemoryCarrier];
}

function world(): World {
  const clock = new ManualClock();
  const carriers = memoryPair();
  const options = { clock, onStream: (): undefined => undefined };
  const client = new Session(carriers[0], { ...options, role: 'client' });
  const server = new Session(carriers[1], { ...options, role: 'server' });
  return { clock, ends: [client, server], carriers };
}

function bytesSent(carriers: MemoryCarrier[]): number {
  return carriers.flatMap(({ sent }) => sent).reduce((sum, bytes) => sum + bytes.length, 0);
}

void t.test('a quiet session stays up and costs a few bytes a minute', async (t) => {
  const { clock, ends, carriers } = world();
  await clock.advance(60_000);
  const before = bytesSent(carriers);
  const messages = carriers.flatMap(({ sent }) => sent).length;
  await clock.advance(10 * 60_000);
  t.ok(ends[0].isOpen && ends[1].isOpen);
  const perMinute = (bytesSent(carriers) - before) / 10;
  t.ok(perMinute <= 80, `${perMinute} bytes of frames a minute`);
  const messagesPerMinute = (carriers.flatMap(({ sent }) => sent).length - messages) / 10;
  t.ok(messagesPerMinute <= 6, `${messagesPerMinute} messages a minute`);
});

void t.test('no ping is sent while something else is heard', async (t) => {
  const { clock, ends, carriers } = world();
  await clock.advance(1000);
  const [client] = ends;
  const stream = client.open('interactive');
  await clock.advance(0);
  carriers[1].sent = [];
  for (let i = 0; i < 20; i++) {
    stream.write('x');
    await clock.advance(10_000);
  }
  t.strictSame(
    carriers[1].sent.filter((bytes) => bytes[1] === 2 && bytes[3] === 1),
    [],
  );
});

void t.test('a black-holed connection is dead within 30 s at both ends', async (t) => {
  const { clock, ends, carriers } = world();
  await clock.advance(45_000);
  const stream = ends[0].open('interactive');
  await clock.advance(5_000);
  for (const carrier of carriers) carrier.blackHoled = true;
  await clock.advance(30_000);
  for (const end of ends) {
    t.notOk(end.isOpen);
    t.equal((await end.closed).code, 'PEER_SILENT');
  }
  t.match(stream.errored, { code: 'PEER_SILENT' });
});

void t.test('a connection that is black-holed one way only is dead too', async (t) => {
  const { clock, ends, carriers } = world();
  await clock.advance(5_000);
  carriers[0].blackHoled = true;
  await clock.advance(60_000);
  t.equal((await ends[1].closed).code, 'PEER_SILENT');
  t.notOk(ends[0].isOpen);
});

void t.test('a process that slept asks before it gives the peer up', async (t) => {
  const { clock, ends, carriers } = world();
  await clock.advance(5_000);
  clock.jump(3_600_000);
  for (const carrier of carriers) carrier.blocked = true;
  await clock.advance(3_000);
  for (const carrier of carriers) {
    carrier.blocked = false;
    carrier.pump();
  }
  await clock.advance(60_000);
  t.ok(ends[0].isOpen && ends[1].isOpen);
});
