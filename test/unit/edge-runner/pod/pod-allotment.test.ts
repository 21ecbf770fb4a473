import t from 'tap';
import { PlacedPods } from '../../../../src/edge-runner/pod/placed-pods.ts';
import { PodAllotment } from '../../../../src/edge-runner/pod/pod-allotment.ts';
import type { Pod, PodStatus } from '../../../../src/kube/api.ts';

function podOf(uid: string, cpu: string): Pod {
  const containers = [{ name: 'web', resources: { requests: { cpu } } }];
  return { metadata: { name: uid, namespace: 'berlin', uid }, spec: { containers } };
}

function cpuOf(pod: Pod): string | undefined {
  return pod.spec.containers[0]?.resources?.requests?.['cpu'];
}

void t.test('a resize that waited when the last runner ended waits on', (t) => {
  const placed = new PlacedPods({
    ...{ admission: () => undefined, allocatable: { cpu: '2' }, allowedUnsafeSysctls: [] },
    extendedResources: () => ({}),
    ...{ hasAppArmor: false, hasStrictGroups: () => false, node: () => undefined },
  });
  const wanted = podOf('web', '5');
  placed.keep(wanted);
  const told = {
    ...{ name: 'web', state: {}, lastState: {}, ready: true, restartCount: 0 },
    ...{ image: '', imageID: '', resources: { requests: { cpu: '500m' } } },
  };
  const last: PodStatus = {
    conditions: [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }],
    containerStatuses: [told],
  };
  const allotment = new PodAllotment(placed);
  t.equal(cpuOf(allotment.first(wanted, last)), '500m');
  t.match(allotment.pending, { reason: 'Infeasible' });
  t.equal(placed.place(podOf('other', '1500m')), undefined, 'others have the room');
  t.equal(cpuOf(new PodAllotment(placed).first(wanted, { containerStatuses: [told] })), '5');
  t.end();
});

void t.test('a pod keeps the resources that it has until there is room for more', (t) => {
  const placed = new PlacedPods({
    ...{ admission: () => undefined, allocatable: { cpu: '2' }, allowedUnsafeSysctls: [] },
    extendedResources: () => ({}),
    ...{ hasAppArmor: false, hasStrictGroups: () => false, node: () => undefined },
  });
  placed.place(podOf('other', '1'));
  const first = podOf('web', '500m');
  placed.place(first);
  const allotment = new PodAllotment(placed);
  const waiting = allotment.next(podOf('web', '1500m'), first);
  t.equal(cpuOf(waiting), '500m');
  t.match(allotment.pending, {
    reason: 'Deferred',
    message: "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
  });
  t.equal(cpuOf(allotment.retry(waiting)), '500m');
  placed.release('other');
  t.equal(cpuOf(allotment.retry(waiting)), '1500m');
  t.equal(allotment.pending, undefined);
  t.equal(cpuOf(allotment.next(podOf('web', '3'), first)), '500m');
  t.match(allotment.pending, { reason: 'Infeasible' });
  t.equal(cpuOf(allotment.next(podOf('web', '500m'), first)), '500m');
  t.equal(allotment.pending, undefined, 'nothing is wanted that it doesn’t have');
  t.end();
});
