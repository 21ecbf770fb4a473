import t from 'tap';
import { tunnelErrorCodes, TunnelError } from '../../src/tunnel/errors.ts';
import { FrameDecoder } from '../../src/tunnel/frame-decoder.ts';
import { encodeHeader, frameFlag, type FrameType } from '../../src/tunnel/frame.ts';
import { Session } from '../../src/tunnel/session.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { MemoryCarrier } from '../unit/tunnel/memory-carrier.ts';
import { fuzzSeed, Random } from './random.ts';

const frames = Number(process.env['FUZZ_FRAMES'] ?? 1_000_000);
const seed = fuzzSeed();
const maxUnreadBytes = 300_000;

t.comment(`FUZZ_SEED=${seed} FUZZ_FRAMES=${frames}`);

/** A session under attack, by frames that are mostly right so that they get deep. */
class Victim {
  readonly carrier = new MemoryCarrier();
  readonly session: Session;
  readonly streams: TunnelStream[] = [];
  readonly #random: Random;
  #nextId = 1;

  constructor(random: Random) {
    this.#random = random;
    this.session = new Session(this.carrier, {
      role: 'server',
      limits: { maxUnreadBytes, maxInboundStreams: 50 },
      onStream: (stream) => {
        this.streams.push(stream);
        if (random.chance(0.1)) throw new TypeError('no');
      },
    });
  }

  get unreadBytes(): number {
    return this.streams.reduce((sum, stream) => sum + stream.unreadBytes, 0);
  }

  step(): void {
    const random = this.#random;
    if (random.chance(0.3)) this.#act();
    const bytes = random.chance(0.001) ? random.bytes(random.below(40)) : this.#frame();
    const cut = random.below(bytes.length + 1);
    this.carrier.deliver(bytes.subarray(0, cut));
    this.carrier.deliver(bytes.subarray(cut));
    this.carrier.sent = [];
  }

  /** What the application on the attacked end does meanwhile. */
  #act(): void {
    const random = this.#random;
    if (random.chance(0.1)) this.#open();
    const stream = this.streams[random.below(this.streams.length)];
    if (stream === undefined) return;
    const action = random.below(6);
    if (action === 0) stream.resume();
    else if (action === 1) stream.pause();
    else if (action === 2) stream.read();
    else if (action === 3 && stream.writable) stream.write(random.bytes(10));
    else if (action === 4) stream.end();
    else if (random.chance(0.1)) stream.destroy();
  }

  #open(): void {
    try {
      this.streams.push(this.session.open('bulk'));
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
    }
  }

  #frame(): Buffer {
    const random = this.#random;
    if (random.chance(0.002)) return randomFrame(random);
    const known = this.streams.filter(({ destroyed, finReceived }) => !destroyed && !finReceived);
    const stream = known[random.below(known.length)];
    if (stream === undefined || random.chance(0.1)) return this.#opening();
    if (random.chance(0.02)) return encodeHeader(1, frameFlag.rst, stream.id, 0);
    if (random.chance(0.02)) return encodeHeader(1, frameFlag.fin, stream.id, 0);
    if (random.chance(0.2)) return encodeHeader(1, 0, stream.id, random.below(100_000));
    if (random.chance(0.1)) return encodeHeader(2, random.pick([1, 2]), 0, random.below(5));
    const payload = Buffer.alloc(random.below(random.pick([2, 200, 20_000])));
    return Buffer.concat([encodeHeader(0, 0, stream.id, payload.length), payload]);
  }
  /** Mostly with a new id; now and then with one that may be in use. */
  #opening(): Buffer {
    this.#nextId += 2;
    const id = this.#random.chance(0.01) ? 1 + 2 * this.#random.below(200) : this.#nextId;
    return encodeHeader(1, frameFlag.syn, id, 0);
  }
}

function randomFrame(random: Random): Buffer {
  const type = random.below(4) as FrameType;
  const length = random.below(random.pick([2, 50, 500]));
  const header = encodeHeader(type, random.below(16), random.below(12), length);
  if (random.chance(0.02)) header[random.below(12)] = random.below(256);
  return type === 0 ? Buffer.concat([header, random.bytes(Math.min(length, 60))]) : header;
}

/** Everything a decoder says about some bytes, in one string. */
function decode(pieces: readonly Buffer[]): string {
  const said: string[] = [];
  let payload: Buffer[] = [];
  const decoder = new FrameDecoder({
    header: (header) => {
      said.push(Buffer.concat(payload).toString('hex'), JSON.stringify(header));
      payload = [];
    },
    payload: (chunk) => payload.push(chunk),
  });
  try {
    for (const piece of pieces) decoder.push(piece);
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    said.push(error.code);
  }
  return [...said, Buffer.concat(payload).toString('hex')].join('\n');
}

void t.test(
  'the decoder reads the same however random frames are cut up',
  { timeout: 280_000 },
  (t) => {
    const random = new Random(seed);
    for (let round = 0; round < frames / 500; round++) {
      const wire = Buffer.concat(Array.from({ length: 20 }, () => randomFrame(random)));
      const whole = decode([wire]);
      const pieces: Buffer[] = [];
      for (let at = 0; at < wire.length;) {
        const size = 1 + random.below(random.pick([3, 30, 300]));
        pieces.push(wire.subarray(at, at + size));
        at += size;
      }
      if (decode(pieces) !== whole) t.fail(`round ${round} of seed ${seed} differs`);
    }
    t.pass('no difference');
    t.end();
  },
);

void t.test('a session withstands random frames', { timeout: 280_000 }, async (t) => {
  const random = new Random(seed);
  const ends = new Map<string, number>();
  let done = 0;
  while (done < frames) {
    const victim = new Victim(random);
    for (let i = 0; i < 2000 && victim.session.isOpen; i++) {
      victim.step();
      done += 1;
      if (i % 100 === 0) await new Promise(setImmediate);
      if (victim.unreadBytes > maxUnreadBytes) t.fail(`memory, seed ${seed}`);
    }
    victim.session.close();
    const { code } = await victim.session.closed;
    ends.set(code, (ends.get(code) ?? 0) + 1);
    for (const stream of victim.streams) if (!stream.destroyed) stream.destroy();
  }
  t.comment(JSON.stringify(Object.fromEntries(ends)));
  const known: readonly string[] = tunnelErrorCodes;
  t.ok([...ends.keys()].every((code) => known.includes(code)));
  t.ok(ends.size > 5, 'many ways to end were reached');
});
