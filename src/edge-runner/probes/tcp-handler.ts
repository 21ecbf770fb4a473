import { connect } from 'node:net';
import type { TcpSocketAction } from '../../kube/probe.ts';
import { Deadline } from '../../tunnel/deadline.ts';
import { containerPort } from './container-port.ts';
import { dialProblem, dialTimeout, joinHostPort } from './network-text.ts';
import type { HandlerTarget, ProbeOutcome } from './probe-outcome.ts';

/** Probes by opening a TCP connection, which is closed at once. */
export async function probeByTcp(
  action: TcpSocketAction,
  target: HandlerTarget,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<ProbeOutcome> {
  const resolved = containerPort(action.port, target.container);
  if ('problem' in resolved) return { result: 'error', output: resolved.problem };
  const host = action.host ? action.host : target.podIp;
  if (host === undefined) return { result: 'error', output: 'the pod has no address' };
  using deadline = new Deadline(signal, timeoutMs, 'the TCP probe');
  const problem = await dial(host, resolved.port, deadline.signal);
  if (problem === undefined) return { result: 'success', output: '' };
  return { result: 'failure', output: problem };
}

/** Opens a connection and closes it. Returns what went wrong; undefined when nothing did. */
function dial(host: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  const address = joinHostPort(host, port);
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (problem: string | undefined): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(problem);
    };
    const onAbort = (): void => {
      settle(dialTimeout(address));
    };
    socket.once('connect', () => {
      settle(undefined);
    });
    socket.on('error', (error) => {
      settle(dialProblem(address, error));
    });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
