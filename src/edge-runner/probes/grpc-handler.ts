import { formatDuration } from '../../kube/duration.ts';
import type { GrpcAction } from '../../kube/probe.ts';
import { Deadline } from '../../tunnel/deadline.ts';
import { WireError } from '../cri/wire-error.ts';
import { checkHealth, type HealthAnswer } from './health-call.ts';
import { HealthCheckResponse, servingStatuses } from './health-messages.ts';
import { joinHostPort } from './network-text.ts';
import type { HandlerTarget, ProbeOutcome } from './probe-outcome.ts';
import { rpcProblem } from './rpc-text.ts';

/** Probes by the gRPC Health Checking Protocol, over HTTP/2 without TLS. */
export async function probeByGrpc(
  action: GrpcAction,
  { podIp }: HandlerTarget,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<ProbeOutcome> {
  if (podIp === undefined) return { result: 'error', output: 'the pod has no address' };
  const address = joinHostPort(podIp, action.port);
  using deadline = new Deadline(signal, timeoutMs, 'the gRPC probe');
  const answer = await checkHealth(address, action.service ?? '', deadline.signal);
  return outcomeOf(answer, address, formatDuration(timeoutMs));
}

function outcomeOf(answer: HealthAnswer, address: string, timeout: string): ProbeOutcome {
  const quoted = JSON.stringify(address);
  switch (answer.kind) {
    case 'message':
      return outcomeOfMessage(answer.message);
    case 'not-connected':
      return failure(`error: failed to connect service at ${quoted}: ${answer.problem}`);
    case 'timed-out':
      return failure(
        answer.connected
          ? `timeout: health rpc did not complete within ${timeout}`
          : `timeout: failed to connect service ${quoted} within ${timeout}: context deadline exceeded`,
      );
    case 'status':
      return failure(
        answer.code === 'UNIMPLEMENTED'
          ? `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${answer.text}`
          : `error: health rpc probe failed: ${rpcProblem(answer.code, answer.text)}`,
      );
  }
}

function outcomeOfMessage(message: Buffer): ProbeOutcome {
  const status = statusOf(message);
  if (status === 'SERVING') return { result: 'success', output: 'service healthy' };
  return failure(`service unhealthy (responded with ${JSON.stringify(status)})`);
}

function statusOf(message: Buffer): string {
  try {
    const { status } = HealthCheckResponse.decode(message);
    return servingStatuses[status] ?? String(status);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return 'UNKNOWN';
  }
}

function failure(output: string): ProbeOutcome {
  return { result: 'failure', output };
}
