import type { Pod } from '../../kube/api.ts';
import { isCritical } from '../../kube/priority.ts';
import { qosClassOf } from '../../kube/qos.ts';
import type { PodRejection } from '../pod/pod-status.ts';
import type { PressureState } from './pressure.ts';

/**
 * Why a new pod can't come while the device runs out of something: under memory pressure alone only
 * pods that request none of it are refused.
 * Source: kubelet, pkg/kubelet/eviction/eviction_manager.go, Admit.
 */
export function admissionUnderPressure(pod: Pod, state: PressureState): PodRejection | undefined {
  if (state.size === 0 || isCritical(pod)) return undefined;
  if (state.size === 1 && state.has('MemoryPressure')) {
    const isBestEffort = qosClassOf(pod) === 'BestEffort';
    if (!isBestEffort || isOfDaemonSet(pod)) return undefined;
  }
  const types = [...state.keys()].sort().join(' ');
  return { reason: 'Evicted', message: `The node had condition: [${types}]. ` };
}

/** Tolerations don't travel to sites; DaemonSets give all their pods the one for memory pressure. */
function isOfDaemonSet({ metadata }: Pod): boolean {
  return metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet') === true;
}
