import t from 'tap';
import { defaultLimits } from '../../../src/tunnel/limits.ts';
import { Session } from '../../../src/tunnel/session.ts';
import type { StreamClass, TunnelStream } from '../../../src/tunnel/stream.ts';
import { MemoryCarrier } from './memory-carrier.ts';

interface Sent {
  type: number;
  id: number;
  length: number;
}

/** One end on a carrier that takes nothing until the test lets it. */
class Sender {
  readonly carrier = new MemoryCarrier();
  readonly session = new Session(this.carrier, {
    role: 'client',
    onStream: () => undefined,
    limits: { initialInFlightBytes: 1e9, minInFlightBytes: 1e9 },
  });

  constructor() {
    this.carrier.blocked = true;
    this.carrier.bufferedBytes = defaultLimits.maxBufferedBytes;
  }

  open(streamClass: StreamClass, bytes: number): TunnelStream {
    const stream = this.session.open(streamClass);
    stream.write(Buffer.alloc(bytes));
    return stream;
  }

  /** Everything that goes out once the carrier takes it, in order. */
  async release(): Promise<Sent[]> {
    await new Promise(setImmediate);
    this.carrier.bufferedBytes = 0;
    this.carrier.blocked = false;
    this.carrier.pump();
    while (this.carrier.bufferedBytes > 0) await new Promise(setImmediate);
    return frames(Buffer.concat(this.carrier.sent));
  }
}

function frames(wire: Buffer): Sent[] {
  const sent: Sent[] = [];
  for (let at = 0; at < wire.length;) {
    const type = wire[at + 1] ?? 0;
    const length = wire.readUInt32BE(at + 8);
    sent.push({ type, id: wire.readUInt32BE(at + 4), length });
    at += 12 + (type === 0 ? length : 0);
  }
  return sent;
}

/** Stream ids of the data frames, repeats left out. */
function order(sent: Sent[]): number[] {
  const ids = sent.filter(({ type, length }) => type === 0 && length > 0).map(({ id }) => id);
  return ids.filter((id, i) => id !== ids[i - 1]);
}

void t.test('control goes before interactive before bulk', async (t) => {
  const sender = new Sender();
  sender.open('bulk', 60_000);
  sender.open('interactive', 60_000);
  sender.open('control', 60_000);
  t.strictSame(order(await sender.release()), [5, 3, 1]);
});

void t.test('streams of a class take turns, in small pieces', async (t) => {
  const sender = new Sender();
  for (let i = 0; i < 3; i++) sender.open('bulk', 40_000);
  const sent = await sender.release();
  t.strictSame(order(sent), [1, 3, 5, 1, 3, 5, 1, 3, 5]);
  t.ok(sent.every(({ length }) => length <= 16 * 1024));
});

void t.test('a stream that changes its class changes its place', async (t) => {
  const sender = new Sender();
  sender.open('interactive', 100);
  const late = sender.open('bulk', 100);
  late.streamClass = 'control';
  t.strictSame(order(await sender.release()), [3, 1]);
});

void t.test('pings and credit go before all data', async (t) => {
  const sender = new Sender();
  sender.open('control', 1000);
  await new Promise(setImmediate);
  void sender.session.ping().catch(() => undefined);
  const sent = await sender.release();
  const firstData = sent.findIndex(({ type }) => type === 0);
  const lastPing = sent.findLastIndex(({ type }) => type === 2);
  t.ok(lastPing < firstData);
  sender.session.close();
});

void t.test('no more is handed over than the carrier shall hold', async (t) => {
  const sender = new Sender();
  sender.carrier.bufferedBytes = 0;
  for (let i = 0; i < 20; i++) sender.open('bulk', 200_000);
  await new Promise(setImmediate);
  const handed = Buffer.concat(sender.carrier.sent).length;
  t.ok(handed >= defaultLimits.maxBufferedBytes);
  t.ok(handed < defaultLimits.maxBufferedBytes + defaultLimits.maxBatchBytes + 1, String(handed));
});
