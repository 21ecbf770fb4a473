import type { Container } from '../../kube/api.ts';

/**
 * What one run of a probe gave. `warning` counts as success and is worth an event; with `error` the
 * probe could not be carried out, and says nothing about the container. `output` is what a kubelet
 * puts into the event.
 */
export interface ProbeOutcome {
  result: 'success' | 'warning' | 'failure' | 'error';
  output: string;
}

/** Of what is probed, or what a hook is for. */
export interface HandlerTarget {
  container: ProbedSpec;
  containerId: string;
  /** Where `httpGet`, `tcpSocket` and `grpc` go when they name no host. */
  podIp: string | undefined;
}

/** What handlers read of a container's spec. */
export type ProbedSpec = Pick<Container, 'name' | 'ports' | 'env'>;
