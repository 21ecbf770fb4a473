import t, { type Test } from 'tap';
import { encodeHeader, frameFlag, frameType } from '../../../src/tunnel/frame.ts';
import { defaultLimits, type TunnelLimits } from '../../../src/tunnel/limits.ts';
import { Session } from '../../../src/tunnel/session.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { MemoryCarrier } from './memory-carrier.ts';

const { syn, ack, fin, rst } = frameFlag;

/** A session at the accepting end whose peer is this test. */
class Victim {
  readonly carrier = new MemoryCarrier();
  readonly streams: TunnelStream[] = [];
  readonly session: Session;

  constructor(limits: Partial<TunnelLimits> = {}) {
    this.session = new Session(this.carrier, {
      role: 'server',
      limits,
      onStream: (stream) => this.streams.push(stream),
    });
  }

  data(flags: number, id: number, payload: string | number): this {
    if (typeof payload === 'number')
      return this.raw(encodeHeader(frameType.data, flags, id, payload));
    const header = encodeHeader(frameType.data, flags, id, payload.length);
    return this.raw(Buffer.concat([header, Buffer.from(payload)]));
  }

  window(flags: number, id: number, credit = 0): this {
    return this.raw(encodeHeader(frameType.windowUpdate, flags, id, credit));
  }

  raw(bytes: Buffer): this {
    this.carrier.deliver(bytes);
    return this;
  }

  /** What this end has sent, as hex. */
  async sent(): Promise<string> {
    await new Promise(setImmediate);
    return Buffer.concat(this.carrier.sent).toString('hex');
  }
}

async function endsWith(t: Test, victim: Victim, code: string): Promise<void> {
  t.equal((await victim.session.closed).code, code);
  t.match(await victim.sent(), /000300000000000000000001$/, 'the last frame says protocol error');
  t.equal(victim.carrier.closeReason?.code, code);
  for (const stream of victim.streams) t.match(stream.errored, { code });
}

void t.test('what breaks the protocol ends the session with a code of its own', async (t) => {
  const cases: Record<string, (victim: Victim) => unknown> = {
    VERSION_UNKNOWN: (v) => v.raw(Buffer.from('01'.padEnd(24, '0'), 'hex')),
    TYPE_UNKNOWN: (v) => v.raw(Buffer.from('0009'.padEnd(24, '0'), 'hex')),
    FLAGS_INVALID: (v) => v.raw(Buffer.from('00000100'.padEnd(24, '0'), 'hex')),
    WINDOW_EXCEEDED: (v) => v.window(syn, 1).data(0, 1, defaultLimits.initialWindowBytes + 1),
    WINDOW_OVERFLOW: (v) => v.window(syn, 1).window(0, 1, 0xffff_ffff),
    STREAM_UNKNOWN: (v) => v.data(0, 3, 'x'),
    STREAM_DUPLICATE: (v) => v.window(syn, 1).window(syn, 1),
    STREAM_ID_INVALID: (v) => v.window(syn, 2),
    DATA_AFTER_FIN: (v) => v.window(syn | fin, 1).data(0, 1, 'x'),
    GO_AWAY_INVALID: (v) => v.raw(encodeHeader(frameType.goAway, 0, 0, 3)),
  };
  for (const [code, attack] of Object.entries(cases)) {
    const victim = new Victim();
    attack(victim);
    await endsWith(t, victim, code);
  }
});

void t.test('further ways to break it', async (t) => {
  const attacks: [string, (victim: Victim) => unknown][] = [
    ['WINDOW_EXCEEDED', (v) => v.data(syn, 1, 0xffff_ffff)],
    ['STREAM_ID_INVALID', (v) => v.data(syn, 0, 'x')],
    ['STREAM_ID_INVALID', (v) => v.window(0, 0, 1)],
    ['STREAM_UNKNOWN', (v) => v.window(ack, 2)],
    ['FLAGS_INVALID', (v) => v.window(syn | fin, 1).window(fin, 1)],
    ['PEER_ERROR', (v) => v.raw(encodeHeader(frameType.goAway, 0, 0, 1))],
    ['PEER_ERROR', (v) => v.raw(encodeHeader(frameType.goAway, 0, 0, 2))],
  ];
  for (const [code, attack] of attacks) {
    const victim = new Victim();
    attack(victim);
    await endsWith(t, victim, code);
  }
});

void t.test('a ping flood ends the session, read or not', async (t) => {
  const pings = Buffer.concat(Array(5000).fill(encodeHeader(frameType.ping, syn, 0, 1)));
  const victim = new Victim().raw(pings);
  await endsWith(t, victim, 'PING_FLOOD');
});

void t.test('answers that the peer does not take are bounded', async (t) => {
  const victim = new Victim({ maxBufferedBytes: 0, maxQueuedControlFrames: 100 });
  victim.raw(Buffer.concat(Array(101).fill(encodeHeader(frameType.ping, syn, 0, 1))));
  t.equal((await victim.session.closed).code, 'CONTROL_FLOOD');
});

void t.test('streams beyond the limit are refused, and the rest go on', async (t) => {
  const victim = new Victim({ maxInboundStreams: 2 });
  victim.window(syn, 1).window(syn, 3).window(syn, 5).data(0, 5, 'lost').data(0, 1, 'kept');
  t.equal(victim.streams.length, 2);
  t.match(await victim.sent(), encodeHeader(frameType.windowUpdate, rst, 5, 0).toString('hex'));
  t.equal(String(victim.streams[0]?.read()), 'kept');
  t.ok(victim.session.isOpen);
});

void t.test('streams that have ended do not count against the limit', (t) => {
  const victim = new Victim({ maxInboundStreams: 2 });
  for (let id = 1; id < 40; id += 2) victim.window(syn, id).window(rst, id);
  t.equal(victim.streams.length, 20);
  t.end();
});

void t.test('a million opens end the session and hold no memory', async (t) => {
  const victim = new Victim();
  const before = process.memoryUsage().heapUsed;
  for (let id = 1; id < 2_000_000 && victim.session.isOpen; id += 2) {
    victim.window(syn, id).window(rst, id);
    victim.streams.length = 0;
    if (id % 2001 === 0) await new Promise(setImmediate);
  }
  await endsWith(t, victim, 'OPEN_FLOOD');
  t.equal(victim.session.streamCount, 0);
  t.ok(process.memoryUsage().heapUsed - before < 100 * 1024 * 1024);
});

void t.test('a reset is taken in every state of a stream', (t) => {
  const states: Record<string, (victim: Victim) => unknown> = {
    'just opened': (v) => v.window(syn, 1),
    'with unread data': (v) => v.data(syn, 1, 'x'),
    'in the middle of a frame': (v) => v.data(syn, 1, 'xyz').window(0, 1),
    'ended by the peer': (v) => v.window(syn | fin, 1),
    'ended by this end': (v) => v.window(syn, 1).streams[0]?.end(),
    'destroyed by this end': (v) => v.window(syn, 1).streams[0]?.destroy(),
    'already reset': (v) => v.window(syn, 1).window(rst, 1),
    'ended by both': (v) => v.window(syn | fin, 1).streams[0]?.end(),
  };
  for (const [name, reach] of Object.entries(states)) {
    const victim = new Victim();
    reach(victim);
    victim.window(rst, 1);
    t.ok(victim.session.isOpen, name);
    t.equal(victim.session.streamCount, 0, name);
  }
  t.end();
});

void t.test('frames for a stream that has ended are ignored, with their payload', (t) => {
  const victim = new Victim();
  victim.window(syn, 1);
  victim.streams[0]?.destroy();
  victim.data(0, 1, 'late').window(0, 1, 5).data(fin, 1, 'later').data(syn, 3, 'new');
  t.ok(victim.session.isOpen);
  t.equal(String(victim.streams[1]?.read()), 'new');
  t.end();
});

void t.test('one byte at a time is as good as all at once', async (t) => {
  const victim = new Victim();
  victim.carrier.cut = (bytes): Buffer[] => [...bytes].map((byte) => Buffer.of(byte));
  victim.data(syn, 1, 'slow').data(fin, 1, ' peer');
  const chunks = await victim.streams[0]?.toArray();
  t.equal(Buffer.concat(chunks as Buffer[]).toString(), 'slow peer');
});

void t.test('FIN on a data frame counts after its payload, however late that comes', async (t) => {
  const victim = new Victim().window(syn, 1);
  const chunks = victim.streams[0]?.toArray();
  victim.streams[0]?.end();
  victim.data(fin, 1, 4);
  for (const letter of 'late') {
    await new Promise(setImmediate);
    t.equal(victim.session.streamCount, 1);
    victim.raw(Buffer.from(letter));
  }
  t.equal(Buffer.concat((await chunks) as Buffer[]).toString(), 'late');
  t.equal(victim.session.streamCount, 0);
});

void t.test('unread single bytes do not cost a buffer each', (t) => {
  const victim = new Victim();
  victim.window(syn, 1);
  const one = Buffer.concat([encodeHeader(frameType.data, 0, 1, 1), Buffer.of(7)]);
  const before = process.memoryUsage();
  for (let i = 0; i < 200_000; i++) victim.raw(Buffer.from(one));
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  t.equal(victim.streams[0]?.unreadBytes, 200_000);
  t.ok(grown < 30 * 1024 * 1024, `${grown} bytes`);
  t.end();
});

void t.test('the unread bytes of a session are bounded by resetting what holds most', async (t) => {
  const victim = new Victim({ maxUnreadBytes: 500_000 });
  const payload = 'x'.repeat(100_000);
  victim.data(syn, 1, payload).data(0, 1, payload);
  for (const id of [3, 5, 7, 9]) victim.data(syn, id, payload);
  t.match(victim.streams[0]?.errored, { code: 'SESSION_MEMORY' });
  t.match(await victim.sent(), encodeHeader(frameType.windowUpdate, rst, 1, 0).toString('hex'));
  for (const stream of victim.streams.slice(1)) t.notOk(stream.destroyed);
  t.ok(victim.session.isOpen);
});

void t.test('a stream that the peer never accepts fails after a while', async (t) => {
  const victim = new Victim({ openTimeoutMs: 30 });
  const keepAlive = setTimeout(() => undefined, 5000);
  const stream = victim.session.open('interactive');
  await new Promise((resolve) => stream.once('close', resolve));
  clearTimeout(keepAlive);
  t.match(stream.errored, { code: 'STREAM_OPEN_TIMEOUT' });
});

void t.test('this end does not open more streams than it may', (t) => {
  const victim = new Victim({ maxOutboundStreams: 1 });
  victim.session.open('bulk');
  t.throws(() => victim.session.open('bulk'), { code: 'TOO_MANY_STREAMS' });
  t.end();
});
