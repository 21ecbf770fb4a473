import { mock } from 'node:test';
import t from 'tap';
import { KillWatch, killTimeoutSeconds } from '../../../../src/edge-runner/pod/kill-watch.ts';

void t.test('ten seconds at least, else half as long again as the grace', (t) => {
  const table = [
    [0, 10],
    [6, 10],
    [7, 10],
    [8, 12],
    [31, 46],
  ] as const;
  for (const [grace, timeout] of table) t.equal(killTimeoutSeconds(grace), timeout, `of ${grace}`);
  t.end();
});

void t.test('told once, and only of what still runs', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => {
    mock.timers.reset();
  });
  let told = 0;
  const watch = new KillWatch(() => (told += 1));
  watch.start(30);
  watch.start(20);
  mock.timers.tick(29_999);
  t.equal(told, 0);
  mock.timers.tick(1);
  t.equal(told, 1, 'by the newest grace');
  mock.timers.tick(60_000);
  t.equal(told, 1);
  watch.start(0);
  watch.stop();
  mock.timers.tick(60_000);
  t.equal(told, 1, 'it ended in time');
  watch.start(1_500_000);
  mock.timers.tick(2 ** 31 - 2);
  t.equal(told, 1, 'a grace beyond what a timer can wait is a long one all the same');
  mock.timers.tick(1);
  t.equal(told, 2);
  t.end();
});
