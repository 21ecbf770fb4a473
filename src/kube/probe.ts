/**
 * Probes and lifecycle hooks of a container, as they are in JSON. Times are in whole seconds.
 * Source: Kubernetes API reference, core/v1 Probe and Lifecycle.
 */
export interface Probe extends ProbeHandler {
  initialDelaySeconds?: number;
  timeoutSeconds?: number;
  periodSeconds?: number;
  successThreshold?: number;
  failureThreshold?: number;
  /** Of a container that this probe has killed; the pod's own applies where it is absent. */
  terminationGracePeriodSeconds?: number;
}

export interface ProbeHandler {
  exec?: ExecAction;
  httpGet?: HttpGetAction;
  tcpSocket?: TcpSocketAction;
  grpc?: GrpcAction;
}

export interface Lifecycle {
  postStart?: LifecycleHandler;
  preStop?: LifecycleHandler;
  /** In place of the image's, as in `SIGUSR1`. */
  stopSignal?: string;
}

export interface LifecycleHandler {
  exec?: ExecAction;
  httpGet?: HttpGetAction;
  tcpSocket?: TcpSocketAction;
  sleep?: { seconds: number };
}

export interface ExecAction {
  command?: string[];
}

export interface HttpGetAction {
  path?: string;
  /** A number, or the name of one of the container's ports. */
  port: number | string;
  /** The pod's address where it is absent. */
  host?: string;
  scheme?: string;
  httpHeaders?: HttpHeader[];
}

export interface HttpHeader {
  name: string;
  value?: string;
}

export interface TcpSocketAction {
  port: number | string;
  host?: string;
}

export interface GrpcAction {
  port: number;
  service?: string;
}
