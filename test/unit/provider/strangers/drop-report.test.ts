import t, { type Test } from 'tap';
import { DropReport } from '../../../../src/provider/strangers/drop-report.ts';
import { strangerReportMs } from '../../../../src/provider/strangers/limits.ts';
import { ManualClock } from '../../tunnel/manual-clock.ts';

function scene(): { report: DropReport; clock: ManualClock; told: number[] } {
  const told: number[] = [];
  const clock = new ManualClock();
  const log = { warn: ({ dropped }: { dropped: number }): unknown => told.push(dropped) };
  return { report: new DropReport({ log, clock, listener: 'tunnels' }), clock, told };
}

const drop = (report: DropReport, count: number): void => {
  for (let n = 0; n < count; n += 1) report.add();
};

void t.test('a flood that ends soon is told to its end', async (t: Test) => {
  const { report, clock, told } = scene();
  drop(report, 20);
  await clock.advance(50_000);
  drop(report, 30);
  t.same(told, [1], 'the first at once');
  await clock.advance(strangerReportMs - 50_000);
  t.same(told, [1, 49], 'the rest without another that has to go');
  t.equal(report.total, 50);
  await clock.advance(10 * strangerReportMs);
  t.same(told, [1, 49], 'and nothing while nobody has to go');
  drop(report, 2);
  t.same(told, [1, 49, 1], 'a new flood is told at once');
});

void t.test('while it goes on it is told once in every interval', async (t: Test) => {
  const { report, clock, told } = scene();
  for (let n = 0; n < 30; n += 1) {
    drop(report, 1);
    await clock.advance(strangerReportMs / 10);
  }
  t.same(told, [1, 9, 10, 10]);
});

void t.test('what was not told is told at the end, and nothing after it', async (t: Test) => {
  const { report, clock, told } = scene();
  drop(report, 5);
  report.close();
  t.same(told, [1, 4]);
  await clock.advance(2 * strangerReportMs);
  t.same(told, [1, 4]);
});
