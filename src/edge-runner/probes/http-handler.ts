import type { HttpGetAction } from '../../kube/probe.ts';
import { Deadline } from '../../tunnel/deadline.ts';
import { containerPort } from './container-port.ts';
import { httpGet, type HttpGet } from './http-get.ts';
import { requestHeaders } from './http-headers.ts';
import { requestPath } from './http-target.ts';
import { joinHostPort } from './network-text.ts';
import type { HandlerTarget, ProbeOutcome } from './probe-outcome.ts';

/** Probes by a GET: any status from 200 to 399 is a success. */
export async function probeByHttp(
  action: HttpGetAction,
  target: HandlerTarget,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<ProbeOutcome> {
  const request = httpRequestOf(action, target, 'probe');
  if ('problem' in request) return { result: 'error', output: request.problem };
  using deadline = new Deadline(signal, timeoutMs, 'the HTTP probe');
  const answer = await httpGet({ ...request, signal: deadline.signal });
  if (answer.kind === 'failed') return { result: 'failure', output: answer.message };
  if (answer.kind === 'broken') return { result: 'error', output: answer.message };
  const { status, body } = answer;
  if (status < 200 || status >= 400) {
    return { result: 'failure', output: `HTTP probe failed with statuscode: ${status}` };
  }
  if (status < 300) return { result: 'success', output: body };
  return { result: 'warning', output: `Probe terminated redirects, Response body: ${body}` };
}

/** The request that an action stands for, or what is wrong with the action. */
export function httpRequestOf(
  action: HttpGetAction,
  { container, podIp }: Pick<HandlerTarget, 'container' | 'podIp'>,
  purpose: 'probe' | 'lifecycle',
): Omit<HttpGet, 'signal'> | { problem: string } {
  const resolved = containerPort(action.port, container);
  if ('problem' in resolved) return resolved;
  const host = action.host ? action.host : podIp;
  if (host === undefined) return { problem: 'the pod has no address' };
  const { port } = resolved;
  const scheme = action.scheme?.toLowerCase() === 'https' ? 'https' : 'http';
  return {
    target: { scheme, host, port, path: requestPath(action.path ?? '/') },
    headers: requestHeaders(action.httpHeaders ?? [], joinHostPort(host, port), purpose),
  };
}
