import t from 'tap';
import { Liveness } from '../../../src/tunnel/liveness.ts';
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

void t.test('what was sent and isn’t answered is asked about soon', async (t) => {
  const { clock, ends, carriers } = world();
  await clock.advance(5_000);
  const stream = ends[0].open('interactive');
  await clock.advance(5_000);
  for (const carrier of carriers) carrier.blackHoled = true;
  stream.write('x');
  await clock.advance(12_000);
  t.ok(ends[0].isOpen, 'it has its time to answer');
  await clock.advance(3_000);
  t.equal((await ends[0].closed).code, 'PEER_SILENT');
  t.ok(ends[1].isOpen, 'the other end has said nothing, and waits');
  await clock.advance(20_000);
  t.equal((await ends[1].closed).code, 'PEER_SILENT');
});

void t.test('an end that was asked and answers is alive', async (t) => {
  const { clock, ends, carriers } = world();
  await clock.advance(5_000);
  const stream = ends[0].open('interactive');
  await clock.advance(5_000);
  carriers[0].sent = [];
  for (let n = 0; n < 10; n += 1) {
    stream.write('x');
    await clock.advance(30_000);
  }
  t.ok(ends[0].isOpen && ends[1].isOpen);
  const pings = carriers[0].sent.filter((bytes) => bytes[1] === 2 && bytes[3] === 1).length;
  t.ok(pings >= 10 && pings <= 21, `${pings} pings in 5 minutes with something to say 10 times`);
});

void t.test('a slow link gets the time that much data takes, and no more than ever', async (t) => {
  const { clock, ends, carriers } = world();
  await clock.advance(5_000);
  const stream = ends[0].open('bulk');
  await clock.advance(5_000);
  stream.write(Buffer.alloc(4_000));
  for (const carrier of carriers) carrier.blackHoled = true;
  await clock.advance(19_000);
  t.ok(ends[0].isOpen);
  await clock.advance(9_500);
  t.equal((await ends[0].closed).code, 'PEER_SILENT');
});

void t.test('a timer that comes a moment early is not set again for the rest', (t) => {
  let nowMs = 0;
  const timers: { delayMs: number; action: () => void }[] = [];
  let pings = 0;
  new Liveness({
    clock: {
      now: () => nowMs,
      after: (delayMs, action) => {
        timers.push({ delayMs, action });
        return () => undefined;
      },
    },
    ...{ pingAfterMs: 20_000, askAfterMs: 4000, deadAfterMs: 30_000, answerMs: 5000 },
    ping: () => (pings += 1),
    dead: () => undefined,
  });
  for (const earlyMs of [0.6, 0]) {
    const { delayMs = 0, action } = timers.pop() ?? {};
    nowMs += delayMs - earlyMs;
    action?.();
    t.ok((timers.at(-1)?.delayMs ?? 0) >= 1000, `${timers.at(-1)?.delayMs} ms`);
  }
  t.equal(pings, 1);
  t.end();
});
