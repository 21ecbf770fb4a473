import { join } from 'node:path';
import type { Pod } from '../../kube/api.ts';
import { qosClassOf } from '../../kube/qos.ts';

export type CgroupDriver = 'cgroupfs' | 'systemd';

/**
 * Name of a pod's cgroup as a kubelet names it: `/kubepods/burstable/pod<uid>` with cgroupfs,
 * `kubepods-burstable-pod<uid>.slice` with systemd; guaranteed pods stand directly under the root.
 */
export function podCgroupParent(pod: Pod, driver: CgroupDriver, root: string): string {
  const qos = qosClassOf(pod);
  const parts = qos === 'Guaranteed' ? [] : [qos.toLowerCase()];
  const uid = pod.metadata.uid ?? '';
  if (driver === 'cgroupfs') return join('/', root, ...parts, `pod${uid}`);
  return `${[root, ...parts, `pod${uid.replaceAll('-', '_')}`].join('-')}.slice`;
}
