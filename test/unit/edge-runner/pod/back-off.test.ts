import t from 'tap';
import { backOffRemainingMs, nextBackOff } from '../../../../src/edge-runner/pod/back-off.ts';

void t.test('delays double from 10 s to 5 min', (t) => {
  let backOff = nextBackOff(undefined, 0, 0);
  const delays = [backOff.delayMs];
  for (let n = 1; n < 7; n += 1) {
    backOff = nextBackOff(backOff, n, n);
    delays.push(backOff.delayMs);
  }
  t.same(delays, [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  t.end();
});

void t.test('a container that ran for more than ten minutes begins anew', (t) => {
  const backOff = { delayMs: 160_000, updatedAtMs: 0 };
  t.equal(backOffRemainingMs(backOff, 600_001, 600_001), 0);
  t.equal(nextBackOff(backOff, 600_001, 600_001).delayMs, 10_000);
  t.equal(nextBackOff(backOff, 600_000, 600_000).delayMs, 300_000);
  t.end();
});

void t.test('the wait counts from the failure', (t) => {
  const backOff = { delayMs: 10_000, updatedAtMs: 0 };
  t.equal(backOffRemainingMs(undefined, 0, 1_000), 0);
  t.equal(backOffRemainingMs(backOff, 5_000, 6_000), 9_000);
  t.equal(backOffRemainingMs(backOff, 5_000, 20_000), 0);
  t.end();
});
