import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointHead, ProviderStreamReply, RunHead } from '../../protocol/stream-head.ts';
import { writeFrame } from '../../tunnel/json-frame.ts';
import type { TunnelStream } from '../../tunnel/stream.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { CriError } from '../cri/cri-error.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import { rpcProblem } from '../probes/rpc-text.ts';
import { checkpointName, trimCheckpoints } from './checkpoint-files.ts';
import { findRunning } from './find-container.ts';
import { maxFailureBytes, maxRuns } from './limits.ts';
import { StreamRefusal } from './stream-refusal.ts';

/** The commands of `/run` that are under way, or whose answer isn't with the client yet. */
export class Runs {
  #count = 0;

  /** Counts one until its stream is closed. @throws StreamRefusal when it is one too many. */
  begin(stream: TunnelStream): void {
    if (this.#count >= maxRuns) {
      throw new StreamRefusal(
        429,
        `${maxRuns} commands of /run are under way on this device, and their output is kept in memory: wait for one to end, or use kubectl exec`,
      );
    }
    this.#count += 1;
    stream.once('close', () => (this.#count -= 1));
  }
}

interface ActionOptions {
  pods: PodManager;
  cri: Pick<CriClient, 'execSync' | 'checkpointContainer'>;
  /** The folder of checkpoints; nobody but root gets there, for a checkpoint holds a container's memory. */
  checkpointDir: string;
}

/**
 * Runs a command in a container to its end, and sends what it wrote; a client that goes ends it. Until
 * then the runtime keeps the output, 16 MiB of it, for its exit code decides the status of the answer.
 * Source: kubelet, `/run`; pkg/kubelet, RunInContainer.
 * @throws StreamRefusal when it can't be run or fails.
 */
export async function serveRun(
  stream: TunnelStream,
  head: RunHead,
  { pods, cri, runs }: ActionOptions & { runs: Runs },
): Promise<void> {
  const { id: containerId } = findRunning(pods, head, 500);
  runs.begin(stream);
  const request = { containerId, cmd: head.command, timeout: 0 };
  const { stdout, stderr, exitCode } = await cri
    .execSync(request, { signal: goneSignal(stream) })
    .catch(refuse((problem) => problem));
  if (exitCode !== 0) {
    const said = Buffer.from(stderr.subarray(0, maxFailureBytes)).toString();
    const words = head.command.join(' ');
    throw new StreamRefusal(500, `command '${words}' exited with ${exitCode}: ${said}`);
  }
  await answer(stream, stdout, stderr);
}

/**
 * Has the runtime write a container's checkpoint into a file on the device, and sends its name. Only
 * the newest few are kept, and nothing of one that failed.
 * Source: kubelet, `/checkpoint`; pkg/kubelet, CheckpointContainer.
 * @throws StreamRefusal when it can't, as a runtime that makes none.
 */
export async function serveCheckpoint(
  stream: TunnelStream,
  head: CheckpointHead,
  { pods, cri, checkpointDir }: ActionOptions,
): Promise<void> {
  const { namespace, pod, container, timeoutSeconds: timeout } = head;
  const { id: containerId } = findRunning(pods, head, 500);
  await mkdir(checkpointDir, { recursive: true, mode: 0o700 });
  const location = join(checkpointDir, checkpointName(head, new Date()));
  await cri
    .checkpointContainer({ containerId, location, timeout }, { signal: goneSignal(stream) })
    .catch(async (error: unknown) => {
      await rm(location, { recursive: true, force: true });
      return refuse(
        (problem) => `checkpointing of ${namespace}/${pod}/${container} failed (${problem})`,
      )(error);
    });
  await trimCheckpoints(checkpointDir);
  await answer(stream, Buffer.from(JSON.stringify({ items: [location] })));
}

function refuse(sentence: (problem: string) => string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof CriError)) throw error;
    const message = sentence(rpcProblem(error.code, error.detail));
    throw new StreamRefusal(500, message, { cause: error });
  };
}

async function answer(stream: TunnelStream, ...parts: Uint8Array[]): Promise<void> {
  const reply: ProviderStreamReply = { ok: true };
  await writeFrame(stream, reply);
  for (const part of parts) stream.write(part);
  stream.end();
}

function goneSignal(stream: TunnelStream): AbortSignal {
  const gone = new AbortController();
  stream.once('close', () => {
    gone.abort();
  });
  stream.resume();
  return gone.signal;
}
