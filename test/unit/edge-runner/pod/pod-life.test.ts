import t from 'tap';
import { lifeAfter, nextLife, type Life } from '../../../../src/edge-runner/pod/pod-life.ts';

const rejection = { reason: 'DeadlineExceeded', message: 'too long' };
const quiet = { unwanted: false, rejection: undefined, finished: false };
const running: Life = { kind: 'running' };

void t.test('a running pod goes on, ends, fails or is ended', (t) => {
  t.equal(nextLife(running, quiet), running);
  t.same(nextLife(running, { ...quiet, finished: true }), { kind: 'ended', rejection: undefined });
  t.same(nextLife(running, { ...quiet, rejection, finished: true }), { kind: 'ended', rejection });
  t.same(nextLife(running, { unwanted: true, rejection, finished: true }), {
    kind: 'ending',
    rejection: undefined,
  });
  t.end();
});

void t.test('a pod that has ended never runs again, and keeps its reason to the end', (t) => {
  const ended: Life = { kind: 'ended', rejection };
  t.equal(nextLife(ended, quiet), ended);
  t.same(nextLife(ended, { ...quiet, unwanted: true }), { kind: 'ending', rejection });
  t.end();
});

void t.test('there is no way back from the end', (t) => {
  const lives: Life[] = [{ kind: 'ending', rejection: undefined }, { kind: 'gone' }];
  for (const life of lives) t.equal(nextLife(life, quiet), life);
  t.end();
});

void t.test('after a restart of the runner a pod is where its last status says', (t) => {
  t.same(lifeAfter(undefined), running);
  t.same(lifeAfter({ phase: 'Running' }), running);
  t.same(lifeAfter({ phase: 'Succeeded' }), { kind: 'ended', rejection: undefined });
  t.same(lifeAfter({ phase: 'Failed' }), { kind: 'ended', rejection: undefined });
  t.same(lifeAfter({ phase: 'Failed', ...rejection }), { kind: 'ended', rejection });
  t.end();
});
