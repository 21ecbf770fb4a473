import { formatDuration } from '../../kube/duration.ts';
import { expandVariables } from '../../kube/expand.ts';
import type { ExecAction } from '../../kube/probe.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { CriError, hasCriCode } from '../cri/cri-error.ts';
import { maxProbeOutputBytes } from './limits.ts';
import type { HandlerTarget, ProbedSpec, ProbeOutcome } from './probe-outcome.ts';
import { rpcProblem } from './rpc-text.ts';

/** The call of the runtime that commands need. */
export type Executor = Pick<CriClient, 'execSync'>;

/** How a command ended. */
export type CommandEnd =
  | { kind: 'exited'; exitCode: number; output: string; stderr: string }
  | { kind: 'timed-out'; message: string }
  /** It could not be run. `message` is what a kubelet would show. */
  | { kind: 'error'; message: string };

/** Probes by a command in the container: its exit code decides. */
export async function probeByCommand(
  cri: Executor,
  action: ExecAction,
  { container, containerId }: HandlerTarget,
  { timeoutSeconds, signal }: { timeoutSeconds: number; signal: AbortSignal },
): Promise<ProbeOutcome> {
  const command = expandedCommand(action, container);
  const end = await runCommand(cri, { containerId, command, timeoutSeconds, signal });
  if (end.kind === 'timed-out') return { result: 'failure', output: end.message };
  if (end.kind === 'error') return { result: 'error', output: end.message };
  return { result: end.exitCode === 0 ? 'success' : 'failure', output: end.output };
}

/** Runs a command in a container. A timeout of 0 is none. Never rejects. */
export async function runCommand(
  cri: Executor,
  run: { containerId: string; command: string[]; timeoutSeconds: number; signal: AbortSignal },
): Promise<CommandEnd> {
  const { containerId, command, timeoutSeconds, signal } = run;
  try {
    const request = { containerId, cmd: command, timeout: timeoutSeconds };
    const { stdout, stderr, exitCode } = await cri.execSync(request, { signal });
    const output = text(Buffer.concat([head(stdout), head(stderr)]));
    return { kind: 'exited', exitCode, output, stderr: text(stderr) };
  } catch (error) {
    if (hasCriCode(error, 'DEADLINE_EXCEEDED')) {
      const message = `command timed out: ${JSON.stringify(command.join(' '))} timed out after ${formatDuration(timeoutSeconds * 1000)}`;
      return { kind: 'timed-out', message };
    }
    if (!(error instanceof CriError)) throw error;
    return { kind: 'error', message: rpcProblem(error.code, error.detail) };
  }
}

/**
 * Kubelet: `$(VAR)` stands for variables with a literal value; the others are not known here.
 */
function expandedCommand({ command = [] }: ExecAction, container: ProbedSpec): string[] {
  const literals = new Map(container.env?.map(({ name, value = '' }) => [name, value]));
  return command.map((word) => expandVariables(word, (name) => literals.get(name)));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(head(bytes)).toString();
}

function head(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, maxProbeOutputBytes);
}
