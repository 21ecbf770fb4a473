import t from 'tap';
import { WriteRate } from '../../../../src/provider/report/write-rate.ts';

void t.test('a burst goes at once, then writes go one after the other', (t) => {
  let nowMs = 0;
  const rate = new WriteRate({ burst: 3, perSecond: 10 }, () => nowMs);
  const waits = Array.from({ length: 5 }, () => rate.take());
  t.same(waits, [0, 0, 0, 100, 200]);
  nowMs = 200;
  t.equal(rate.take(), 100, 'in turn behind those that wait');
  nowMs = 10_000;
  t.same(
    Array.from({ length: 4 }, () => rate.take()),
    [0, 0, 0, 100],
    'the burst comes back',
  );
  t.end();
});

void t.test('who waits can be called off', async (t) => {
  const rate = new WriteRate({ burst: 1, perSecond: 0.001 });
  await rate.turn();
  await t.rejects(rate.turn(AbortSignal.abort()), { name: 'AbortError' });
});

void t.test('the events of a year, from a thousand sites, come at the steady rate', (t) => {
  const rate = new WriteRate({ burst: 500, perSecond: 100 }, () => 0);
  const waits = Array.from({ length: 100_000 }, () => rate.take());
  const inTheFirstMinute = waits.filter((ms) => ms < 60_000).length;
  t.ok(inTheFirstMinute <= 500 + 60 * 100, `${inTheFirstMinute}`);
  t.end();
});

void t.test('whoever would wait for too long takes no turn, and hears so at once', async (t) => {
  let nowMs = 0;
  const rate = new WriteRate({ burst: 2, perSecond: 1 }, () => nowMs);
  t.same(await Promise.all([rate.turnWithin(0), rate.turnWithin(0)]), [true, true]);
  t.same(await Promise.all([rate.turnWithin(999), rate.turnWithin(999)]), [false, false]);
  nowMs = 1;
  t.equal(await rate.turnWithin(999), true, 'those who were sent away are not waited for');
});
