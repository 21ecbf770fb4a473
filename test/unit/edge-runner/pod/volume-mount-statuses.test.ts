import t from 'tap';
import { volumeMountStatuses } from '../../../../src/edge-runner/pod/volume-mount-statuses.ts';

void t.test('mounts are told as they are, recursion where the runtime can', (t) => {
  const mount = { name: 'v', mountPath: '/v' };
  const volumeMounts = [
    { ...mount, subPath: 'a' },
    { ...mount, readOnly: true },
    { ...mount, readOnly: true, recursiveReadOnly: 'IfPossible' },
  ];
  const container = { name: 'c', volumeMounts };
  const plain = { ...mount, readOnly: true, recursiveReadOnly: 'Disabled' };
  t.strictSame(volumeMountStatuses(container, false), [mount, plain, plain]);
  t.strictSame(volumeMountStatuses(container, true), [
    ...[mount, plain, { ...plain, recursiveReadOnly: 'Enabled' }],
  ]);
  t.strictSame(volumeMountStatuses({ name: 'c' }, true), []);
  t.end();
});
