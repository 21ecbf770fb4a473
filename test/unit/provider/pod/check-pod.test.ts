import t from 'tap';
import type { Pod } from '../../../../src/kube/api.ts';
import { acceptPod } from '../../../../src/provider/pod/check-pod.ts';
import { podOf } from '../desired/desired-fixture.ts';

type Fields = Record<string, object>;

function damaged(change: (pod: Fields) => void): Pod {
  const pod = structuredClone(podOf('a'));
  change(pod as unknown as Fields);
  return pod;
}

void t.test('a pod is taken as it is, but for what nobody reads', (t) => {
  const pod = podOf('a', { volumes: [{ name: 'v', emptyDir: {} }] });
  const withFields = { ...pod, metadata: { ...pod.metadata, managedFields: [{ manager: 'x' }] } };
  t.same(acceptPod(withFields), pod);
  t.end();
});

void t.test('absent and null are the same', (t) => {
  const pod = damaged(({ spec }) =>
    Object.assign(spec ?? {}, { volumes: null, imagePullSecrets: null }),
  );
  t.ok(acceptPod(pod));
  t.end();
});

void t.test('a malformed pod is refused with the place of the fault', (t) => {
  const cases: [string, (pod: Fields) => void][] = [
    ['metadata.uid', ({ metadata }) => Object.assign(metadata ?? {}, { uid: 7 })],
    ['spec.containers', ({ spec }) => Object.assign(spec ?? {}, { containers: [] })],
    ['spec.containers.0.name', ({ spec }) => Object.assign(spec ?? {}, { containers: [{}] })],
    ['spec.volumes', ({ spec }) => Object.assign(spec ?? {}, { volumes: 'x' })],
    [
      'spec.containers.0.env',
      ({ spec }) => Object.assign(spec ?? {}, { containers: [{ name: 'c', env: {} }] }),
    ],
    ['spec', (pod) => Object.assign(pod, { spec: null })],
  ];
  for (const [path, change] of cases) {
    t.throws(() => acceptPod(damaged(change)), {
      code: 'POD_INVALID',
      message: new RegExp(`^${path.replaceAll('.', '\\.')} `),
    });
  }
  t.end();
});
