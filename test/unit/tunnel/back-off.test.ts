import t from 'tap';
import { BackOff } from '../../../src/tunnel/back-off.ts';

void t.test('the ceiling doubles up to the maximum, and reset starts again', (t) => {
  const backOff = new BackOff({ baseMs: 100, random: () => 0.5 });
  t.strictSame(
    [1, 2, 3, 4, 5].map(() => backOff.next(1000)),
    [50, 100, 200, 400, 500],
  );
  backOff.reset();
  t.equal(backOff.next(1000), 50);
  t.end();
});

void t.test('the jitter is full: any delay from nothing to the ceiling', (t) => {
  let value = 0;
  const backOff = new BackOff({ baseMs: 100, random: () => value });
  t.equal(backOff.next(1000), 0);
  value = 0.999;
  t.ok(backOff.next(1000) > 199);
  t.end();
});

void t.test('a thousand failures do not overflow', (t) => {
  const backOff = new BackOff({ baseMs: 100, random: () => 1 });
  for (let i = 0; i < 1000; i++) backOff.next(1000);
  t.equal(backOff.next(1000), 1000);
  t.end();
});
