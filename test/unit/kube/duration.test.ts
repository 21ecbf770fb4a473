import t from 'tap';
import { formatDuration, parseDuration } from '../../../src/kube/duration.ts';

void t.test('durations are read as Go reads them', (t) => {
  for (const [text, ms] of [
    ['0', 0],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['.5s', 500],
    ['250ms', 250],
    ['-10s', -10_000],
    ['+2m', 120_000],
    ['1h1m1s1ms', 3_661_001],
  ] as const) {
    t.equal(parseDuration(text), ms, text);
  }
  t.ok(Math.abs(parseDuration('1000us') - 1) < 1e-9);
  t.ok(Math.abs(parseDuration('1µs1ns') - 0.001001) < 1e-9);
  t.end();
});

void t.test('what is not a duration is refused by name', (t) => {
  for (const text of ['', '1', 'h', '1d', '1h 30m', '1.2.3s', '.s', '-', 'forever']) {
    t.throws(() => parseDuration(text), { code: 'INVALID_DURATION' }, text);
  }
  t.throws(() => parseDuration('1d'), { message: /"1d"/ });
  t.throws(() => parseDuration('9999999h'), { code: 'INVALID_DURATION', message: /292 years/ });
  t.end();
});

void t.test('durations are written as Go writes them', (t) => {
  for (const [ms, text] of [
    [0, '0s'],
    [10_000, '10s'],
    [160_000, '2m40s'],
    [300_000, '5m0s'],
    [5_400_000, '1h30m0s'],
    [1500, '1.5s'],
    [250, '250ms'],
    [-20_000, '-20s'],
  ] as const) {
    t.equal(formatDuration(ms), text);
  }
  t.end();
});
