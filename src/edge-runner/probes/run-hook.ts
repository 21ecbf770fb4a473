import { setTimeout as delay } from 'node:timers/promises';
import type { Pod } from '../../kube/api.ts';
import type { ExecAction, HttpGetAction, LifecycleHandler } from '../../kube/probe.ts';
import { maxTimerMs } from '../../tunnel/clock.ts';
import { runCommand, type Executor } from './exec-handler.ts';
import { httpGet, type HttpGet } from './http-get.ts';
import { httpRequestOf } from './http-handler.ts';
import { joinHostPort } from './network-text.ts';
import type { HandlerTarget } from './probe-outcome.ts';
import { probeByTcp } from './tcp-handler.ts';

/** Takes events about the pod as a whole. */
export interface PodWideEvents {
  record(type: 'Warning', reason: string, message: string): void;
}

export interface HookTarget extends HandlerTarget {
  pod: Pod;
}

/** Why a hook failed, in a kubelet's words; undefined when it has succeeded. */
export type HookProblem = string | undefined;

/** Runs a hook to its end; it has no timeout of its own. Never rejects. */
export type RunHook = (
  handler: LifecycleHandler,
  target: HookTarget,
  signal: AbortSignal,
) => Promise<HookProblem>;

/**
 * Runs hooks on real containers. Any answer to an `httpGet` is a success, whatever its status, as
 * with a kubelet; one without TLS, too, where the hook asks for HTTPS, and an event tells it.
 */
export function createRunHook(cri: Executor, events: PodWideEvents): RunHook {
  return async (handler, target, signal) => {
    const title = `for Container "${target.container.name}" in Pod "${podTitle(target.pod)}" failed - error`;
    if (handler.exec !== undefined) return runExec(cri, handler.exec, target, { signal, title });
    if (handler.httpGet !== undefined) {
      const problem = await runHttp(handler.httpGet, target, { signal, events });
      return problem && `HTTP lifecycle hook (${handler.httpGet.path ?? ''}) ${title}: ${problem}`;
    }
    if (handler.tcpSocket !== undefined) {
      const options = { signal, timeoutMs: tcpTimeoutMs };
      const { result, output } = await probeByTcp(handler.tcpSocket, target, options);
      return result === 'success' ? undefined : `TCP lifecycle hook ${title}: ${output}`;
    }
    if (handler.sleep !== undefined) {
      const { seconds } = handler.sleep;
      const slept = await sleep(seconds, signal);
      return slept ? undefined : `Sleep lifecycle hook (${seconds}) ${title}: container terminated`;
    }
    return 'Cannot run handler: it names no action';
  };
}

/** How long to wait for a connection that nobody answers; Linux itself would try for two minutes. */
const tcpTimeoutMs = 30_000;

async function runExec(
  cri: Executor,
  { command = [] }: ExecAction,
  { containerId }: HookTarget,
  { signal, title }: { signal: AbortSignal; title: string },
): Promise<HookProblem> {
  const end = await runCommand(cri, { containerId, command, timeoutSeconds: 0, signal });
  if (end.kind === 'exited' && end.exitCode === 0) return undefined;
  const hook = `Exec lifecycle hook ([${command.join(' ')}]) ${title}`;
  if (end.kind !== 'exited') return `${hook}: ${end.message}, message: ""`;
  const error = `command '${command.join(' ')}' exited with ${end.exitCode}: ${end.stderr}`;
  return `${hook}: ${error}, message: ${JSON.stringify(end.output)}`;
}

async function runHttp(
  action: HttpGetAction,
  target: HookTarget,
  { signal, events }: { signal: AbortSignal; events: PodWideEvents },
): Promise<HookProblem> {
  const request = httpRequestOf(action, target, 'lifecycle');
  if ('problem' in request) return request.problem;
  const answer = await httpGet({ ...request, signal });
  if (answer.kind !== 'failed') return undefined;
  if (answer.withoutTls === undefined) return answer.message;
  return (await isServedWithoutTls(request, { signal, events })) ? undefined : answer.message;
}

/** Source: kubelet, pkg/kubelet/lifecycle/handlers.go; credentials don't go without TLS. */
async function isServedWithoutTls(
  { target, headers }: Omit<HttpGet, 'signal'>,
  { signal, events }: { signal: AbortSignal; events: PodWideEvents },
): Promise<boolean> {
  const others = { ...headers };
  delete others['Authorization'];
  const answer = await httpGet({ target: { ...target, scheme: 'http' }, headers: others, signal });
  if (answer.kind === 'failed') return false;
  const address = joinHostPort(target.host, target.port);
  const message = `request to HTTPS lifecycle hook ${address} got HTTP response, retry with HTTP succeeded`;
  events.record('Warning', 'LifecycleHTTPFallback', message);
  return true;
}

/** Returns whether the time went by before the signal aborted. */
async function sleep(seconds: number, signal: AbortSignal): Promise<boolean> {
  const delayMs = Math.min(seconds * 1000, maxTimerMs);
  try {
    await delay(delayMs, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

function podTitle(pod: Pod): string {
  const { name, namespace = 'default', uid = '' } = pod.metadata;
  return `${name}_${namespace}(${uid})`;
}
