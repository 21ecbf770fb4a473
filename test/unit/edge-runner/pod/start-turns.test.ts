import { getEventListeners } from 'node:events';
import t from 'tap';
import { waitFor } from '../../../../hack/lab/wait.ts';
import { StartTurns } from '../../../../src/edge-runner/pod/start-turns.ts';

const slow = { turnMs: 60_000, gatherMs: 60_000 };
const { signal } = new AbortController();

/** Starts that end when the test says so. */
class Starts {
  readonly begun: number[] = [];
  readonly #ends = new Map<number, () => void>();

  run(turns: StartTurns, rank: number, until = signal): Promise<void> {
    return turns.run(rank, until, () => {
      this.begun.push(rank);
      return new Promise((resolve) => this.#ends.set(rank, resolve));
    });
  }

  async end(rank: number): Promise<void> {
    this.#ends.get(rank)?.();
    await new Promise(setImmediate);
  }
}

void t.test('the highest rank begins first, a few at a time', async (t) => {
  const turns = new StartTurns({ ...slow, count: 2 });
  const starts = new Starts();
  for (const rank of [1, 2, 3, Infinity, 4, -Infinity]) void starts.run(turns, rank);
  await new Promise(setImmediate);
  t.same(starts.begun, [1, 2], 'who comes alone waits for nobody');
  for (const rank of [1, 2, Infinity, 4, 3]) await starts.end(rank);
  t.same(starts.begun, [1, 2, Infinity, 4, 3, -Infinity]);
  await starts.end(-Infinity);
});

void t.test('those that come together begin in order, whoever asks first', async (t) => {
  const turns = new StartTurns({ ...slow, count: 1 });
  const starts = new Starts();
  turns.gather(3);
  const all = [1, 3, 2].map((rank) => starts.run(turns, rank));
  await new Promise(setImmediate);
  for (const rank of [3, 2, 1]) await starts.end(rank);
  await Promise.all(all);
  t.same(starts.begun, [3, 2, 1]);
});

void t.test('they wait no longer than told for one that never asks', async (t) => {
  const turns = new StartTurns({ ...slow, count: 1, gatherMs: 20 });
  const starts = new Starts();
  turns.gather(2);
  void starts.run(turns, 1);
  await new Promise(setImmediate);
  t.same(starts.begun, []);
  await waitFor(() => starts.begun.length === 1, { what: 'its turn', timeoutMs: 10_000 });
  await starts.end(1);
});

void t.test('a start that hangs holds nobody back for long', async (t) => {
  const turns = new StartTurns({ ...slow, count: 1, turnMs: 20 });
  const starts = new Starts();
  void starts.run(turns, 2);
  void starts.run(turns, 1);
  await waitFor(() => starts.begun.length === 2, { what: 'the next turn', timeoutMs: 10_000 });
  t.same(starts.begun, [2, 1]);
  for (const rank of [2, 1]) await starts.end(rank);
});

void t.test(
  'one that is given up leaves nothing, and a failed one passes its turn on',
  async (t) => {
    const turns = new StartTurns({ ...slow, count: 1 });
    const starts = new Starts();
    const stop = new AbortController();
    const first = starts.run(turns, 1);
    const second = starts.run(turns, 2, stop.signal);
    stop.abort();
    await second;
    t.equal(getEventListeners(stop.signal, 'abort').length, 0);
    await starts.end(1);
    await first;
    await t.rejects(
      turns.run(1, signal, () => Promise.reject(new TypeError('no'))),
      { message: 'no' },
    );
    const third = starts.run(turns, 3);
    await new Promise(setImmediate);
    t.same(starts.begun, [1, 3]);
    await starts.end(3);
    await third;
  },
);
