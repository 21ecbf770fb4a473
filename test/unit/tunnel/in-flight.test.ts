import t from 'tap';
import { headerBytes } from '../../../src/tunnel/frame.ts';
import { InFlight } from '../../../src/tunnel/in-flight.ts';
import { defaultLimits } from '../../../src/tunnel/limits.ts';
import { ManualClock } from './manual-clock.ts';

/** A sender that always has more to send, on a simulated link. */
class Link {
  readonly clock = new ManualClock();
  readonly inFlight = new InFlight(defaultLimits, this.clock);
  /** When the link will have carried all that it was given. */
  #busyUntilMs = this.clock.now();
  #answers: { atMs: number; id: number }[] = [];
  #pings = 0;
  carriedBytes = 0;
  maxQueueMs = 0;
  bytesPerMs: number;
  roundTripMs: number;
  /** The peer's process runs only so often, and answers then. */
  wakesEveryMs = 0;

  constructor(bytesPerMs: number, roundTripMs: number) {
    this.bytesPerMs = bytesPerMs;
    this.roundTripMs = roundTripMs;
    this.#ping();
    this.run(roundTripMs * 2, 'nothing');
  }

  run(ms: number, load: 'bulk' | 'nothing' = 'bulk'): void {
    this.maxQueueMs = 0;
    for (let i = 0; i < ms * 10; i++) {
      this.clock.jump(0.1);
      this.#deliver();
      // As the sender does: before what it sends, and after it.
      if (this.inFlight.probeDue) this.#ping();
      if (load === 'bulk') while (this.inFlight.allows('bulk')) this.#send();
      if (this.inFlight.probeDue) this.#ping();
      this.maxQueueMs = Math.max(this.maxQueueMs, this.#busyUntilMs - this.clock.now());
    }
  }

  #send(): void {
    const bytes = headerBytes + this.inFlight.chunkBytes;
    this.inFlight.sent(bytes);
    this.carriedBytes += bytes;
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.clock.now()) + bytes / this.bytesPerMs;
    if (this.inFlight.probeDue) this.#ping();
  }

  #ping(): void {
    this.#pings += 1;
    this.inFlight.pinged(this.#pings);
    const arrivedAtMs = Math.max(this.#busyUntilMs, this.clock.now()) + this.roundTripMs;
    const every = this.wakesEveryMs;
    const atMs = every === 0 ? arrivedAtMs : Math.ceil(arrivedAtMs / every) * every;
    this.#answers.push({ atMs, id: this.#pings });
  }

  #deliver(): void {
    const due = this.#answers.filter(({ atMs }) => atMs <= this.clock.now());
    this.#answers = this.#answers.filter((answer) => !due.includes(answer));
    for (const { id } of due) this.inFlight.answered(id);
  }
}

void t.test('a slow link is kept busy with a short queue', (t) => {
  const link = new Link(125, 40);
  link.run(2_000);
  const before = link.carriedBytes;
  link.run(60_000);
  t.ok(link.maxQueueMs < 130, `queue of ${link.maxQueueMs} ms`);
  const share = (link.carriedBytes - before) / (60_000 * 125);
  t.ok(share > 0.85, `${Math.round(share * 100)} % of the link`);
  t.ok(link.inFlight.chunkBytes < 3000, 'in small pieces');
  t.end();
});

void t.test('a long fast link is filled within some round trips', (t) => {
  const link = new Link(12_500, 200);
  link.run(3_000);
  const before = link.carriedBytes;
  link.run(5_000);
  const share = (link.carriedBytes - before) / (5_000 * 12_500);
  t.ok(share > 0.9, `${Math.round(share * 100)} % of the link`);
  t.end();
});

void t.test('a link that becomes slow is noticed, and one that becomes fast too', (t) => {
  const link = new Link(2_000, 20);
  link.run(3_000);
  link.bytesPerMs = 125;
  link.run(3_000);
  link.run(3_000);
  t.ok(link.maxQueueMs < 150, `queue of ${link.maxQueueMs} ms`);
  link.bytesPerMs = 2_000;
  link.run(2_000);
  const before = link.carriedBytes;
  link.run(2_000);
  t.ok(link.carriedBytes - before > 0.8 * 2_000 * 2_000);
  t.end();
});

void t.test('what a fast link carried is forgotten while little is sent', (t) => {
  const link = new Link(100_000, 0.3);
  link.run(3_000);
  t.ok(link.inFlight.limitBytes > 1_000_000, `${link.inFlight.limitBytes} bytes`);
  for (let second = 0; second < 3; second += 1) {
    link.run(1_000, 'nothing');
    link.inFlight.sent(100);
  }
  t.equal(link.inFlight.limitBytes, defaultLimits.initialInFlightBytes);
  link.bytesPerMs = 125;
  link.run(60_000);
  t.ok(link.maxQueueMs < 200, `queue of ${link.maxQueueMs} ms`);
  t.end();
});

void t.test('a flow that uses half of the bound keeps it', (t) => {
  const link = new Link(12_500, 200);
  link.run(5_000);
  const before = link.carriedBytes;
  for (let n = 0; n < 100; n += 1) {
    link.run(60);
    link.run(40, 'nothing');
  }
  const share = (link.carriedBytes - before) / (10_000 * 12_500);
  t.ok(share > 0.5, `${Math.round(share * 100)} % of the link`);
  t.end();
});

void t.test(
  'a queue that was found while the shortest round trip is old leaves no big bound',
  (t) => {
    const link = new Link(100_000, 0.3);
    link.run(3_000);
    link.bytesPerMs = 125;
    link.run(40_000);
    link.run(20_000);
    t.ok(link.maxQueueMs < 200, `queue of ${link.maxQueueMs} ms`);
    t.end();
  },
);

void t.test('a path that becomes longer is not taken for a queue for ever', (t) => {
  const link = new Link(1_250, 20);
  link.run(2_000);
  link.roundTripMs = 200;
  link.run(25_000);
  const before = link.carriedBytes;
  link.run(10_000);
  const share = (link.carriedBytes - before) / (10_000 * 1_250);
  t.ok(share > 0.75, `${Math.round(share * 100)} % of the link`);
  t.end();
});

void t.test('a peer that is short of processor time is not taken for a slow link', (t) => {
  for (const wakesEveryMs of [30, 70, 100]) {
    const link = new Link(12_500, 1);
    link.wakesEveryMs = wakesEveryMs;
    link.run(5_000);
    const before = link.carriedBytes;
    link.run(30_000);
    const share = (link.carriedBytes - before) / (30_000 * 12_500);
    t.comment(`every ${wakesEveryMs} ms: ${Math.round(share * 100)} % of the link`);
    t.ok(share > 0.4, `every ${wakesEveryMs} ms: ${Math.round(share * 100)} % of the link`);
  }
  t.end();
});

void t.test('small traffic needs no pings, and control always may', (t) => {
  const inFlight = new InFlight(defaultLimits, new ManualClock());
  for (let i = 0; i < 10; i++) inFlight.sent(100);
  t.notOk(inFlight.probeDue);
  inFlight.sent(1e9);
  t.notOk(inFlight.allows('bulk'));
  t.notOk(inFlight.allows('interactive'));
  t.ok(inFlight.allows('control'));
  t.equal(inFlight.answered(99), undefined, 'an answer to nothing is ignored');
  t.end();
});

void t.test('interactive may go a little beyond what bulk may', (t) => {
  const inFlight = new InFlight(defaultLimits, new ManualClock());
  inFlight.sent(defaultLimits.initialInFlightBytes);
  t.notOk(inFlight.allows('bulk'));
  t.ok(inFlight.allows('interactive'));
  t.end();
});
