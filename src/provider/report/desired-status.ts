import type { Condition, Pod, PodStatus } from '../../kube/api.ts';
import { timestamp } from '../node/timestamp.ts';
import type { Refusal } from '../pod/refusal.ts';
import { passingConditions } from './plan-status-patch.ts';
import type { LinkState } from '../site/site-registry.ts';

/** What is known of a pod besides its API object. */
export interface PodKnowledge {
  /** Its newest status from the site; `undefined` when this process has none. */
  reported: PodStatus | undefined;
  link: LinkState;
  /** InternalIP of the pod's Node. */
  hostIP: string;
  /** Whether this API server knows `hostIPs`. */
  servesHostIPs: boolean;
  nowMs: number;
  /** Why it must not get to its site; it has failed then, whatever the site says. */
  refusal?: Refusal | undefined;
  /** Whether it may be there all the same: then it has not failed yet. */
  mayRunOn?: boolean;
}

/**
 * The status that a pod is to have in the API; `undefined` to leave it as it is. While its site is
 * there, what the site said holds, whoever else wrote; once the site is lost, the pod is only made
 * unready, so that it leaves the endpoints of Services. Conditions that aren't the site's are kept.
 * Source: the kubelet's status manager; MarkPodsNotReady of the node lifecycle controller.
 */
export function desiredStatus(pod: Pod, known: PodKnowledge): PodStatus | undefined {
  const current = pod.status ?? {};
  if (known.refusal !== undefined && known.mayRunOn === true) return unready(current, known.nowMs);
  if (known.refusal !== undefined) return refused(current, known.refusal, known.nowMs);
  if (known.link === 'lost') return unready(current, known.nowMs);
  if (known.link === 'away' || known.reported === undefined) return undefined;
  const reported = settled(current, known.reported);
  return {
    ...reported,
    hostIP: known.hostIP,
    ...(known.servesHostIPs ? { hostIPs: [{ ip: known.hostIP }] } : {}),
    conditions: mergedConditions(pod, current, reported, known.nowMs),
  };
}

function refused(
  current: PodStatus,
  { reason, message }: Refusal,
  nowMs: number,
): PodStatus | undefined {
  if (isFinished(current)) return undefined;
  const conditions = unready(current, nowMs)?.conditions ?? [];
  return { ...current, phase: 'Failed', reason, message, conditions };
}

function unready(current: PodStatus, nowMs: number): PodStatus | undefined {
  const ready = current.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True') return undefined;
  const condition = { ...ready, status: 'False' as const, lastTransitionTime: timestamp(nowMs) };
  return { conditions: [condition] };
}

/** A pod that has ended doesn't begin again, whatever a late report says. */
function settled(current: PodStatus, reported: PodStatus): PodStatus {
  if (!isFinished(current) || isFinished(reported)) return reported;
  const { phase, reason, message } = current;
  return {
    ...reported,
    ...(phase === undefined ? {} : { phase }),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

/** Whether the pod has ended, as its status says. */
export function isFinished({ phase }: PodStatus): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

function mergedConditions(
  pod: Pod,
  current: PodStatus,
  { conditions: reported = [], observedGeneration }: PodStatus,
  nowMs: number,
): Condition[] {
  const ours = new Set(reported.map(({ type }) => type));
  const others = (current.conditions ?? []).filter(
    ({ type }) => !ours.has(type) && !passingConditions.has(type),
  );
  return [
    ...gated(pod, others, current, reported, nowMs),
    ...others.map((condition) => seen(condition, observedGeneration)),
  ];
}

/** Kubelet: a pod that it runs is scheduled, in the generation that it has seen. */
function seen(condition: Condition, observedGeneration: number | undefined): Condition {
  if (condition.type !== 'PodScheduled' || observedGeneration === undefined) return condition;
  return { ...condition, observedGeneration };
}

interface Gated {
  readinessGates?: { conditionType: string }[];
}

/** Readiness gates are conditions that others write, so that the site can't judge them. */
function gated(
  pod: Pod,
  others: Condition[],
  current: PodStatus,
  reported: Condition[],
  nowMs: number,
): Condition[] {
  const gates = ((pod.spec as Gated).readinessGates ?? []).map((gate) => gate.conditionType);
  const containersReady = reported.find(({ type }) => type === 'ContainersReady');
  if (gates.length === 0 || containersReady?.status !== 'True') return reported;
  const closed = gates.flatMap((gate) => closedGate(gate, others));
  const verdict =
    closed.length === 0
      ? { type: 'Ready', status: 'True' as const }
      : {
          type: 'Ready',
          status: 'False' as const,
          reason: 'ReadinessGatesNotReady',
          message: closed.join(', '),
        };
  const before = current.conditions?.find(({ type }) => type === 'Ready');
  const since = before?.status === verdict.status ? before.lastTransitionTime : undefined;
  const { observedGeneration } = containersReady;
  const ready = {
    ...verdict,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    lastTransitionTime: since ?? timestamp(nowMs),
  };
  return [...reported.filter(({ type }) => type !== 'Ready'), ready];
}

function closedGate(gate: string, conditions: Condition[]): string[] {
  const condition = conditions.find(({ type }) => type === gate);
  if (condition === undefined) {
    return [`corresponding condition of pod readiness gate "${gate}" does not exist.`];
  }
  if (condition.status === 'True') return [];
  return [`the status of pod readiness gate "${gate}" is not "True", but ${condition.status}`];
}
