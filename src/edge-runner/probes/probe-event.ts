import type { ProbeOutcome } from './probe-outcome.ts';
import type { ProbeKind } from './probe-state.ts';

/** Takes events about a pod; `container` names the container that the event is about. */
export interface ContainerEvents {
  record(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void;
}

/** Records what a kubelet says about a run of a probe: nothing about a success. */
export function recordOutcome(
  events: ContainerEvents,
  { kind, container }: { kind: ProbeKind; container: string },
  { result, output }: ProbeOutcome,
): void {
  const probe = `${titles[kind]} probe`;
  switch (result) {
    case 'success':
      return;
    case 'warning':
      events.record('Warning', 'ProbeWarning', `${probe} warning: ${output}`, container);
      return;
    case 'failure':
      events.record('Warning', 'Unhealthy', `${probe} failed: ${output}`, container);
      return;
    case 'error': {
      const message = `${probe} errored and resulted in unknown state: ${output}`;
      events.record('Warning', 'Unhealthy', message, container);
    }
  }
}

const titles = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' };
