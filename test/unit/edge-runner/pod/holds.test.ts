import t from 'tap';
import { Holds } from '../../../../src/edge-runner/pod/holds.ts';
import { PodProblem } from '../../../../src/edge-runner/pod/pod-problem.ts';

const pull = new PodProblem('ErrImagePull', 'not found');
const config = new PodProblem('CreateContainerConfigError', 'no such secret');

void t.test('pulls wait 10 s, doubling; other problems 1 s, doubling', (t) => {
  const holds = new Holds();
  holds.hold('web', pull, 0);
  holds.hold('side', config, 0);
  t.same([...holds.notBeforeMs.values()], [10_000, 1_000]);
  holds.hold('web', pull, 10_000);
  holds.hold('side', config, 1_000);
  t.same([...holds.notBeforeMs.values()], [30_000, 3_000]);
  t.end();
});

void t.test('a failed pull is shown as such first, then as its back-off', (t) => {
  const holds = new Holds();
  holds.hold('web', pull, 5);
  t.same(holds.pullFailures(), [['web', 5]]);
  holds.showPullBackOff('web', 'web:1');
  t.same(holds.pullFailures(), []);
  t.match(holds.problems.get('web'), {
    reason: 'ImagePullBackOff',
    message: 'Back-off pulling image "web:1": ErrImagePull: not found',
  });
  t.equal(holds.notBeforeMs.get('web'), 10_005, 'the wait is the same');
  t.end();
});

void t.test('changed objects end all waits but those for a registry', (t) => {
  const holds = new Holds();
  holds.hold('web', pull, 0);
  holds.hold('side', config, 0);
  holds.hold('', undefined, 0);
  holds.clearAll({ exceptPulls: true });
  t.same([...holds.notBeforeMs.keys()], ['web']);
  holds.clearAll({ exceptPulls: false });
  t.equal(holds.notBeforeMs.size, 0);
  t.end();
});
