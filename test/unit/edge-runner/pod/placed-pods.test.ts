import t from 'tap';
import { PlacedPods } from '../../../../src/edge-runner/pod/placed-pods.ts';
import type { Pod, PodSpec } from '../../../../src/kube/api.ts';

const rules = {
  allocatable: { cpu: '1', pods: '10' },
  allowedUnsafeSysctls: [],
  hasAppArmor: false,
  hasStrictGroups: false,
};

function podOf(uid: string, spec: Partial<PodSpec> = {}): Pod {
  const containers = [{ name: 'web', resources: { requests: { cpu: '600m' } } }];
  return { metadata: { name: uid, namespace: 'berlin', uid }, spec: { containers, ...spec } };
}

void t.test('a place that is released is free again', (t) => {
  const placed = new PlacedPods(rules);
  t.equal(placed.place(podOf('a')), undefined);
  t.match(placed.place(podOf('b')), { reason: 'OutOfcpu' });
  t.equal(placed.has('b'), false);
  placed.release('a');
  t.equal(placed.place(podOf('b')), undefined);
  t.end();
});

void t.test('a pod that was there before keeps its place, room or not', (t) => {
  const placed = new PlacedPods(rules);
  for (const uid of ['a', 'b']) placed.keep(podOf(uid));
  t.match(placed.place(podOf('c')), { message: /used: 1200, capacity: 1000/ });
  t.end();
});

void t.test('what the device doesn’t allow or doesn’t have', (t) => {
  const able = new PlacedPods({ ...rules, hasAppArmor: true, hasStrictGroups: true });
  const cases: [Partial<PodSpec>, string][] = [
    [{ securityContext: { sysctls: [{ name: 'a', value: 'b' }] } }, 'SysctlForbidden'],
    [{ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }, 'AppArmor'],
    [
      { securityContext: { supplementalGroupsPolicy: 'Strict' } },
      'SupplementalGroupsPolicyNotSupported',
    ],
  ];
  for (const [spec, reason] of cases) {
    t.match(new PlacedPods(rules).place(podOf('a', spec)), { reason });
    if (reason !== 'SysctlForbidden') t.equal(able.place(podOf('a', spec)), undefined, reason);
    able.release('a');
  }
  const unconfined = { securityContext: { appArmorProfile: { type: 'Unconfined' } } } as const;
  t.equal(new PlacedPods(rules).place(podOf('a', unconfined)), undefined);
  t.end();
});
