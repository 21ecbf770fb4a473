import t from 'tap';
import { sumOf } from '../../../../src/edge-runner/stats/sum-usage.ts';

const memory = (atMs: number, bytes: number) => ({
  ...{ atMs, workingSetBytes: bytes, usageBytes: 2 * bytes, rssBytes: bytes },
  ...{ pageFaults: 1, majorPageFaults: 0 },
});

void t.test('adds up what is known, and is as old as the oldest of it', (t) => {
  const one = { cpu: { atMs: 5, nanoseconds: 10 }, memory: memory(5, 100), swapBytes: undefined };
  const two = { cpu: { atMs: 3, nanoseconds: 20 }, memory: undefined, swapBytes: 7 };
  t.same(sumOf([one, two]), {
    cpu: { atMs: 3, nanoseconds: 30 },
    memory: memory(5, 100),
    swapBytes: 7,
  });
  t.same(sumOf([]), { cpu: undefined, memory: undefined, swapBytes: undefined });
  t.end();
});
