import t from 'tap';
import { Session } from '../../src/tunnel/session.ts';
import { streamClasses, type TunnelStream } from '../../src/tunnel/stream.ts';
import { memoryPair } from '../unit/tunnel/memory-carrier.ts';
import { fuzzSeed, Random } from './random.ts';

const rounds = Number(process.env['FUZZ_ROUNDS'] ?? 60);
const seed = fuzzSeed();

t.comment(`FUZZ_SEED=${seed} FUZZ_ROUNDS=${rounds}`);

/** One direction of one stream: what was written, and what came out at the other end. */
interface Direction {
  written: number;
  read: number;
  finished: boolean;
  ended: boolean;
  wrong: string | undefined;
}

/** Two ends on a carrier that cuts, holds back and finally may lose what it carries. */
class World {
  readonly random: Random;
  readonly carriers = memoryPair();
  readonly sessions: [Session, Session];
  readonly streams: TunnelStream[] = [];
  readonly directions = new Map<string, Direction>();

  constructor(random: Random) {
    this.random = random;
    const limits = {
      initialWindowBytes: random.pick([500, 5_000, 256 * 1024]),
      maxWindowBytes: random.pick([5_000, 100_000, 16 * 1024 * 1024]),
      streamWriteBufferBytes: random.pick([1, 1000, 64 * 1024]),
      maxBufferedBytes: random.pick([1, 5_000, 256 * 1024]),
    };
    for (const carrier of this.carriers) {
      carrier.cut = (bytes): Buffer[] => {
        const at = random.below(bytes.length + 1);
        return [bytes.subarray(0, at), bytes.subarray(at)];
      };
    }
    const [a, b] = this.carriers;
    const onStream = (stream: TunnelStream, session: Session): void => {
      this.watch(stream, session);
    };
    this.sessions = [
      new Session(a, { role: 'client', limits, onStream }),
      new Session(b, { role: 'server', limits, onStream }),
    ];
  }

  direction(id: number, end: number): Direction {
    const key = `${id} from ${end}`;
    const known = this.directions.get(key);
    if (known) return known;
    const fresh = { written: 0, read: 0, finished: false, ended: false, wrong: undefined };
    this.directions.set(key, fresh);
    return fresh;
  }

  watch(stream: TunnelStream, session: Session): void {
    const end = session === this.sessions[0] ? 0 : 1;
    const incoming = this.direction(stream.id, 1 - end);
    this.streams.push(stream);
    stream.on('data', (chunk: Buffer) => {
      for (const byte of chunk) {
        if (byte !== byteAt(stream.id, incoming.read)) incoming.wrong ??= `at ${incoming.read}`;
        incoming.read += 1;
      }
    });
    stream.on('end', () => {
      incoming.ended = true;
    });
    const outgoing = this.direction(stream.id, end);
    stream.on('finish', () => {
      outgoing.finished = true;
    });
    ends.set(stream, end);
  }

  step(): void {
    const { random } = this;
    if (random.chance(0.1)) this.#open();
    if (random.chance(0.05)) {
      const carrier = random.pick(this.carriers);
      carrier.blocked = !carrier.blocked;
      if (!carrier.blocked) carrier.pump();
    }
    const stream = this.streams[random.below(this.streams.length)];
    if (stream) this.#act(stream);
  }

  #open(): void {
    const session = this.random.pick(this.sessions);
    if (!session.isOpen) return;
    const classes = [...streamClasses];
    this.watch(session.open(classes[this.random.below(3)] ?? 'bulk'), session);
  }

  #act(stream: TunnelStream): void {
    const { random } = this;
    const action = random.below(10);
    if (action < 5) this.#write(stream);
    else if (action === 5) stream.pause();
    else if (action <= 7) stream.resume();
    else if (action === 8) stream.streamClass = random.pick(['control', 'interactive', 'bulk']);
    else if (random.chance(0.3)) stream.end();
    else if (random.chance(0.1)) stream.destroy();
  }

  #write(stream: TunnelStream): void {
    if (!stream.writable) return;
    const outgoing = this.direction(stream.id, ends.get(stream) ?? 0);
    const count = this.random.below(this.random.pick([3, 300, 30_000]));
    const from = outgoing.written;
    outgoing.written += count;
    stream.write(Buffer.from(Array.from({ length: count }, (_, i) => byteAt(stream.id, from + i))));
  }

  /** Lets everything come to its end; the carrier works again, unless it is lost. */
  async finish(): Promise<void> {
    if (this.random.chance(0.3)) this.carriers[0].terminate();
    for (const carrier of this.carriers) {
      carrier.blocked = false;
      carrier.pump();
    }
    for (const stream of this.streams) stream.resume().end();
    while (this.streams.some((stream) => !stream.closed)) {
      for (const stream of this.streams) if (!stream.writableEnded) stream.resume().end();
      await new Promise(setImmediate);
    }
  }

  /** What went against the promise: once, in order, whole, or the stream says that it failed. */
  faults(): string[] {
    return [...this.directions].flatMap(([key, direction]) => {
      const { written, read, ended, wrong } = direction;
      const faults = [];
      if (wrong !== undefined) faults.push(`${key}: wrong byte ${wrong}`);
      if (read > written) faults.push(`${key}: ${read} of ${written} bytes`);
      if (ended && read < written) faults.push(`${key}: ended after ${read} of ${written} bytes`);
      return faults;
    });
  }
}

const ends = new WeakMap<TunnelStream, number>();

function byteAt(id: number, offset: number): number {
  return (id * 31 + offset * 7 + (offset >> 8)) % 256;
}

void t.test(
  'every byte arrives once and in order, or the stream says that it failed',
  async (t) => {
    for (let round = 0; round < rounds; round++) {
      const world = new World(new Random(seed + round));
      for (let step = 0; step < 400; step++) {
        world.step();
        if (step % 5 === 0) await new Promise(setImmediate);
      }
      await world.finish();
      t.strictSame(world.faults(), [], `seed ${seed + round}`);
      const silent = world.streams.filter((s) => !s.readableEnded && s.errored === null);
      const destroyedHere = silent.filter((s) => s.destroyed);
      t.equal(silent.length, destroyedHere.length, 'none is cut off in silence');
      const [client, server] = world.sessions;
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      t.equal(client.streamCount + server.streamCount, 0, 'nothing is left behind');
      client.close();
      await Promise.all([client.closed, server.closed]);
    }
  },
);
