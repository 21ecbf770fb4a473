import t from 'tap';
import { allocatableOf } from '../../../../src/edge-runner/node/allocatable.ts';

const capacity = {
  ...{ cpu: '4', memory: '1000Mi', 'ephemeral-storage': '1000Mi', pods: '110' },
  'hugepages-2Mi': '100Mi',
};

void t.test('what the system has and what must stay free is not for pods', (t) => {
  t.same(
    allocatableOf(capacity, {
      system: { cpu: '250m', memory: '64Mi' },
      thresholds: [
        { signal: 'memory.available', limit: { count: 100 * 1024 * 1024 } },
        { signal: 'nodefs.available', limit: { percent: 10 } },
      ],
    }),
    {
      ...{ cpu: '3750m', memory: '736Mi', 'ephemeral-storage': '900Mi', pods: '110' },
      'hugepages-2Mi': '100Mi',
    },
  );
  t.end();
});

void t.test('more than there is leaves nothing, and not less', (t) => {
  const all = allocatableOf(capacity, { system: { cpu: '9', memory: '9Gi' }, thresholds: [] });
  t.match(all, { cpu: '0', memory: '0', 'ephemeral-storage': '1000Mi' });
  t.end();
});
