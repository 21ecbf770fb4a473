import t from 'tap';
import { sumOf } from '../../../../src/edge-runner/stats/sum-usage.ts';

const memory = (atMs: number, bytes: number) => ({
  ...{ atMs, workingSetBytes: bytes, usageBytes: 2 * bytes, rssBytes: bytes },
  ...{ pageFaults: 1, majorPageFaults: 0 },
});

const swap = (atMs: number, usedBytes: number, limitBytes: number | undefined) => ({
  ...{ atMs, usedBytes, limitBytes },
});

void t.test('adds up what is known, and is as old as the oldest of it', (t) => {
  const one = { cpu: { atMs: 5, nanoseconds: 10 }, memory: memory(5, 100), swap: undefined };
  const two = { cpu: { atMs: 3, nanoseconds: 20 }, memory: undefined, swap: swap(4, 7, 9) };
  t.same(sumOf([one, two]), {
    cpu: { atMs: 3, nanoseconds: 30 },
    memory: memory(5, 100),
    swap: swap(4, 7, 9),
  });
  t.same(sumOf([]), { cpu: undefined, memory: undefined, swap: undefined });
  const three = { ...two, swap: swap(2, 1, undefined) };
  t.same(sumOf([two, three]).swap, swap(2, 8, undefined), 'one without a limit has none for all');
  t.same(sumOf([two, two]).swap, swap(4, 14, 18));
  t.end();
});
