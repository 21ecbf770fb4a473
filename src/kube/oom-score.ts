import type { Container, Pod } from './api.ts';
import { isSidecar } from './container-status.ts';
import { qosClassOf } from './qos.ts';
import { quantityToBytes } from './quantity.ts';

/**
 * A container's `oom_score_adj`: −997 for Guaranteed and node-critical pods, 1000 for BestEffort,
 * and between 3 and 999 for Burstable, the lower the more memory the container requests. A sidecar
 * is never likelier to be killed than the least of the containers that it serves.
 * Source: kubelet, pkg/kubelet/qos/policy.go.
 */
export function oomScoreAdjust(pod: Pod, container: Container, nodeMemoryBytes: number): number {
  if (isNodeCritical(pod)) return guaranteedScore;
  const qosClass = qosClassOf(pod);
  if (qosClass === 'Guaranteed') return guaranteedScore;
  if (qosClass === 'BestEffort') return bestEffortScore;
  const own = burstableScore(memoryRequest(container), nodeMemoryBytes);
  const score = servesOthers(pod, container)
    ? Math.min(own, burstableScore(leastMemoryRequest(pod), nodeMemoryBytes))
    : own;
  return Math.min(Math.max(score, 1000 + guaranteedScore), bestEffortScore - 1);
}

const guaranteedScore = -997;
const bestEffortScore = 1000;
const systemCriticalPriority = 2_000_000_000;

function isNodeCritical(pod: Pod): boolean {
  const { priority, priorityClassName } = pod.spec;
  return (priority ?? 0) >= systemCriticalPriority && priorityClassName === 'system-node-critical';
}

function burstableScore(requestBytes: number, nodeMemoryBytes: number): number {
  return 1000 - Math.floor((1000 * requestBytes) / nodeMemoryBytes);
}

function memoryRequest(container: Container): number {
  return quantityToBytes(container.resources?.requests?.memory ?? '0');
}

function leastMemoryRequest(pod: Pod): number {
  return Math.min(...pod.spec.containers.map(memoryRequest));
}

function servesOthers(pod: Pod, container: Container): boolean {
  const isInit = pod.spec.initContainers?.some(({ name }) => name === container.name) ?? false;
  return isInit && isSidecar(container);
}
