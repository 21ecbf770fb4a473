import { join } from 'node:path';
import type { Pod } from '../../kube/api.ts';
import { safeName } from '../volumes/safe-name.ts';
import { qosClassOf, type QosClass } from '../../kube/qos.ts';

export type CgroupDriver = 'cgroupfs' | 'systemd';

/**
 * Name of a pod's cgroup as a kubelet names it: `/kubepods/burstable/pod<uid>` with cgroupfs,
 * `kubepods-burstable-pod<uid>.slice` with systemd; guaranteed pods stand directly under the root.
 * @throws VolumeError `UNSAFE_NAME`
 */
export function podCgroupParent(pod: Pod, driver: CgroupDriver, root: string): string {
  return cgroupName(pod.metadata.uid ?? '', qosClassOf(pod), driver, root);
}

/** Every name that a pod's cgroup can have, for a pod of which only the uid is known. */
export function podCgroupParents(podUid: string, driver: CgroupDriver, root: string): string[] {
  const classes = ['Guaranteed', 'Burstable', 'BestEffort'] as const;
  return classes.map((qos) => cgroupName(podUid, qos, driver, root));
}

/** Path of a slice: it lies below those that the dashes in its name stand for (systemd.slice(5)). */
export function slicePath(slice: string): string {
  const parts = slice.replace(/\.slice$/, '').split('-');
  return join('/', ...parts.map((_, index) => `${parts.slice(0, index + 1).join('-')}.slice`));
}

/** Name of the cgroup of all pods of a QoS class. */
export function qosCgroup(qos: QosClass, driver: CgroupDriver, root: string): string {
  const parts = qos === 'Guaranteed' ? [] : [qos.toLowerCase()];
  if (driver === 'cgroupfs') return join('/', root, ...parts);
  return `${[root, ...parts].join('-')}.slice`;
}

function cgroupName(podUid: string, qos: QosClass, driver: CgroupDriver, root: string): string {
  const uid = safeName(podUid);
  const parts = qos === 'Guaranteed' ? [] : [qos.toLowerCase()];
  if (driver === 'cgroupfs') return join('/', root, ...parts, `pod${uid}`);
  return `${[root, ...parts, `pod${uid.replaceAll('-', '_')}`].join('-')}.slice`;
}
