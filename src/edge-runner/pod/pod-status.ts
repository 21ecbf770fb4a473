import type { ContainerStateWaiting, Pod, PodStatus } from '../../kube/api.ts';
import { podConditions } from '../../kube/pod-conditions.ts';
import { podPhase } from '../../kube/pod-status.ts';
import { qosClassOf } from '../../kube/qos.ts';
import type { BackOff } from './back-off.ts';
import { containerStatuses } from './container-statuses.ts';
import type { ObservedPod } from './observed.ts';

export interface PodStatusInput {
  pod: Pod;
  observed: ObservedPod;
  waiting: ReadonlyMap<string, BackOff>;
  problems: ReadonlyMap<string, ContainerStateWaiting>;
  messages: ReadonlyMap<string, string>;
  /** The pod has ended and nothing of it starts again. */
  finished: boolean;
  /** Why the pod was failed as a whole. */
  rejection: PodRejection | undefined;
  podIPs: string[];
  hostIPs: string[];
  previous: PodStatus | undefined;
  nowMs: number;
}

/** A pod that this node doesn't run (any more): phase Failed with a reason. */
export interface PodRejection {
  reason: string;
  message: string;
}

/** The status of a pod as a kubelet computes it (`generateAPIPodStatus`). */
export function podStatus(input: PodStatusInput): PodStatus {
  const { pod, observed, previous, rejection } = input;
  const now = new Date(input.nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const init = containerStatuses(input, pod.spec.initContainers ?? [], 'init');
  const main = containerStatuses(input, pod.spec.containers, 'main');
  const phase =
    rejection === undefined
      ? podPhase(pod.spec, init, main, { terminal: input.finished })
      : 'Failed';
  const [podIP] = input.podIPs;
  const [hostIP] = input.hostIPs;
  return {
    phase,
    ...(rejection ?? {}),
    conditions: podConditions({
      spec: pod.spec,
      phase,
      initContainerStatuses: init,
      containerStatuses: main,
      sandboxReady: observed.sandboxes[0]?.ready === true,
      ...(previous?.conditions === undefined ? {} : { previous: previous.conditions }),
      now,
    }),
    ...(hostIP === undefined ? {} : { hostIP }),
    ...(podIP === undefined ? {} : { podIP, podIPs: input.podIPs.map((ip) => ({ ip })) }),
    startTime: previous?.startTime ?? now,
    qosClass: qosClassOf(pod),
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: main,
  };
}

/** Whether a status says that the pod is over for good. */
export function isTerminal(status: PodStatus | undefined): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}
