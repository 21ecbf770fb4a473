import type { ContainerStatus, PodPhase, PodSpec } from './api.ts';
import { plainInitContainers, sidecars, statusNamed } from './container-status.ts';
import { restartsAfter } from './restart-policy.ts';

export interface PhaseHints {
  /** The pod has ended for good: whatever the restart policy, nothing of it starts again. */
  terminal?: boolean;
  /** A container has been started before, so a sidecar that restarts makes nothing pending again. */
  initialized?: boolean;
}

/**
 * A pod's phase from the states of its containers.
 * Source: kubelet, getPhase in kubelet_pods.go.
 */
export function podPhase(
  spec: PodSpec,
  initStatuses: ContainerStatus[] | undefined,
  containerStatuses: ContainerStatus[] | undefined,
  hints: PhaseHints = {},
): PodPhase {
  const init = countInit(spec, initStatuses);
  const beside = countSidecars(spec, initStatuses);
  const main = countContainers(spec, containerStatuses);
  const running = main.running + beside.running;
  const unknown = main.unknown + beside.unknown;
  const waiting = main.waiting + beside.waiting;
  if (init.failed > 0) return 'Failed';
  const sidecarsPending = beside.pending > 0 && hints.initialized !== true;
  if (init.pending > 0 || sidecarsPending || waiting > 0) return 'Pending';
  if (unknown > 0) return 'Pending';
  if (running > 0) return 'Running';
  if (main.stopped === 0) return 'Pending';
  if (hints.terminal !== true && main.restarting > 0) return 'Running';
  return main.stopped === main.succeeded ? 'Succeeded' : 'Failed';
}

function countInit(
  spec: PodSpec,
  statuses: ContainerStatus[] | undefined,
): { pending: number; failed: number } {
  const count = { pending: 0, failed: 0 };
  for (const container of plainInitContainers(spec)) {
    const status = statusNamed(statuses, container.name);
    const ended = status?.state.running ? undefined : lastEnd(status);
    if (ended === undefined) count.pending++;
    else if (ended.exitCode !== 0 && !restartsAfter(spec, container, ended.exitCode))
      count.failed++;
  }
  return count;
}

function lastEnd(status: ContainerStatus | undefined): { exitCode: number } | undefined {
  if (status?.state.terminated) return status.state.terminated;
  return status?.state.waiting ? status.lastState.terminated : undefined;
}

function countSidecars(
  spec: PodSpec,
  statuses: ContainerStatus[] | undefined,
): { pending: number; running: number; waiting: number; unknown: number } {
  const count = { pending: 0, running: 0, waiting: 0, unknown: 0 };
  for (const { name } of sidecars(spec)) {
    const status = statusNamed(statuses, name);
    if (status?.state.running) {
      count.running++;
      if (status.started !== true) count.pending++;
    } else if (status?.state.waiting) {
      if (status.lastState.terminated) continue;
      count.pending++;
      count.waiting++;
    } else if (status?.state.terminated === undefined) {
      count.unknown++;
      if (status) count.pending++;
    }
  }
  return count;
}

interface ContainerCount {
  running: number;
  waiting: number;
  stopped: number;
  succeeded: number;
  /** Of those that stopped, the ones that start again. */
  restarting: number;
  unknown: number;
}

function countContainers(spec: PodSpec, statuses: ContainerStatus[] | undefined): ContainerCount {
  const count = { running: 0, waiting: 0, stopped: 0, succeeded: 0, restarting: 0, unknown: 0 };
  for (const container of spec.containers) {
    const { state, lastState } = statusNamed(statuses, container.name) ?? {};
    if (state?.running) count.running++;
    else if (state?.terminated) {
      count.stopped++;
      if (state.terminated.exitCode === 0) count.succeeded++;
      if (restartsAfter(spec, container, state.terminated.exitCode)) count.restarting++;
    } else if (state?.waiting && lastState?.terminated) {
      count.stopped++;
      count.restarting++;
    } else if (state?.waiting) count.waiting++;
    else count.unknown++;
  }
  return count;
}
