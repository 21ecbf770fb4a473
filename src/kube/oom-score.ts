import type { Container, Pod } from './api.ts';
import { isSidecar } from './container-status.ts';
import { containersRequest } from './pod-totals.ts';
import { qosClassOf } from './qos.ts';
import { divideRoundingUp, quantityToBytes } from './quantity.ts';

/**
 * A container's `oom_score_adj`: −997 for Guaranteed and node-critical pods, 1000 for BestEffort,
 * and between 3 and 999 for Burstable, the lower the more memory the container requests. A sidecar
 * is never likelier to be killed than the least of the containers that it serves. What a pod requests
 * as a whole beyond its containers' requests counts as theirs in equal parts.
 * Source: kubelet, pkg/kubelet/qos/policy.go.
 */
export function oomScoreAdjust(pod: Pod, container: Container, nodeMemoryBytes: number): number {
  if (isNodeCritical(pod)) return guaranteedScore;
  const qosClass = qosClassOf(pod);
  if (qosClass === 'Guaranteed') return guaranteedScore;
  if (qosClass === 'BestEffort') return bestEffortScore;
  const share = shareOfWhole(pod);
  const own = burstableScore(memoryRequest(container) + share, nodeMemoryBytes);
  const score = servesOthers(pod, container)
    ? Math.min(own, burstableScore(leastMemoryRequest(pod) + share, nodeMemoryBytes))
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

/** Source: kubelet, remainingPodMemReqPerContainer. */
function shareOfWhole({ spec }: Pod): number {
  const whole = quantityToBytes(spec.resources?.requests?.memory ?? '0');
  if (whole === 0) return 0;
  const theirs = Number(divideRoundingUp(containersRequest(spec, 'memory'), nanosPerUnit));
  const count = spec.containers.length + (spec.initContainers?.length ?? 0);
  return Math.trunc((whole - theirs) / count);
}

const nanosPerUnit = 1_000_000_000n;
