import t from 'tap';
import { PlacedPods } from '../../../../src/edge-runner/pod/placed-pods.ts';
import type { Pod, PodSpec } from '../../../../src/kube/api.ts';

const rules = {
  admission: () => undefined,
  allocatable: { cpu: '1', pods: '10' },
  extendedResources: () => ({}),
  allowedUnsafeSysctls: [],
  hasAppArmor: false,
  hasStrictGroups: () => false,
  node: () => undefined,
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
  const pods = placed.pods();
  for (const time of ['first', 'second']) t.equal([...pods].length, 2, `the ${time} time`);
  t.match(placed.place(podOf('c')), { message: /used: 1200, capacity: 1000/ });
  t.end();
});

void t.test('what the Node was given besides is counted as long as it has it', (t) => {
  let extendedResources: Record<string, string> = { 'example.com/dongle': '1' };
  const placed = new PlacedPods({ ...rules, extendedResources: () => extendedResources });
  const dongle = { requests: { 'example.com/dongle': '1' } };
  const wanting = { containers: [{ name: 'web', resources: dongle }] };
  t.equal(placed.place(podOf('a', wanting)), undefined);
  t.match(placed.place(podOf('b', wanting)), {
    reason: 'OutOfexample.com/dongle',
    message:
      "Node didn't have enough resource: example.com/dongle, requested: 1, used: 1, capacity: 1",
  });
  t.equal(placed.place(podOf('c')), undefined);
  extendedResources = {};
  t.equal(placed.place(podOf('b', wanting)), undefined, 'a kubelet minds none that it lacks');
  t.end();
});

void t.test('a pod is refused while the device takes none of its kind', (t) => {
  const refusal = { reason: 'Evicted', message: 'The node had condition: [DiskPressure]. ' };
  const placed = new PlacedPods({ ...rules, admission: () => refusal });
  t.same(placed.place(podOf('a')), refusal);
  t.equal(placed.has('a'), false);
  t.end();
});

void t.test('a critical pod takes as few places as it can, of those who matter least', (t) => {
  const room = { ...rules, allocatable: { cpu: '2', pods: '10' } };
  const placed = new PlacedPods(room);
  const cpu = (requests: string, limits?: string): Partial<PodSpec> => ({
    containers: [
      {
        name: 'web',
        resources: {
          requests: { cpu: requests, memory: '1' },
          ...(limits === undefined ? {} : { limits: { cpu: limits, memory: '1' } }),
        },
      },
    ],
  });
  placed.keep(podOf('idle', { containers: [{ name: 'web' }] }));
  placed.keep(podOf('low', { ...cpu('500m'), priority: 1 }));
  placed.keep(podOf('high', { ...cpu('500m'), priority: 9 }));
  placed.keep(podOf('guaranteed', cpu('500m', '500m')));
  placed.keep(podOf('system', { ...cpu('500m'), priority: 2_000_000_000 }));
  const victims = (requests: string): (string | undefined)[] | undefined =>
    placed
      .victimsOf(podOf('critical', { ...cpu(requests), priority: 2_000_000_000 }))
      ?.map(({ metadata }) => metadata.uid);
  t.same(victims('400m'), ['low']);
  t.same(victims('1'), ['low', 'high']);
  t.same(victims('1500m'), ['low', 'high', 'guaranteed']);
  t.equal(victims('1600m'), undefined, 'not even without all of them');
  t.end();
});

void t.test('a critical pod that resources alone would not bring in takes nobody’s place', (t) => {
  const node = { name: 'shop.acme', labels: { zone: 'a' } };
  const placed = new PlacedPods({ ...rules, node: () => node });
  const ports = [{ containerPort: 80, hostPort: 80 }];
  placed.keep(
    podOf('lesser', { containers: [{ ...podOf('x').spec.containers[0], name: 'web', ports }] }),
  );
  const critical = (spec: Partial<PodSpec>): Pod =>
    podOf('critical', { priority: 2_000_000_000, ...spec });
  t.match(placed.victimsOf(critical({})), [{ metadata: { uid: 'lesser' } }]);
  for (const [why, spec] of Object.entries<Partial<PodSpec>>({
    'another zone': { nodeSelector: { zone: 'b' } },
    'a sysctl': { securityContext: { sysctls: [{ name: 'a', value: 'b' }] } },
    'another system': { os: { name: 'windows' } },
    'a port in use': { containers: [{ ...critical({}).spec.containers[0], name: 'web', ports }] },
  })) {
    t.equal(placed.victimsOf(critical(spec)), undefined, why);
  }
  t.end();
});

void t.test('what the device doesn’t allow or doesn’t have', (t) => {
  const able = new PlacedPods({ ...rules, hasAppArmor: true, hasStrictGroups: () => true });
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
