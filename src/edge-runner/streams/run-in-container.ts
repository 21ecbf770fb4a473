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
import { StreamRefusal } from './stream-refusal.ts';

interface ActionOptions {
  pods: PodManager;
  cri: Pick<CriClient, 'execSync' | 'checkpointContainer'>;
  /** The folder of checkpoints; nobody but root gets there, for a checkpoint holds a container's memory. */
  checkpointDir: string;
}

/**
 * Runs a command in a container to its end, and sends what it wrote; a client that goes ends it.
 * Source: kubelet, `/run`; pkg/kubelet, RunInContainer.
 * @throws StreamRefusal when it can't be run or fails.
 */
export async function serveRun(
  stream: TunnelStream,
  head: RunHead,
  { pods, cri }: ActionOptions,
): Promise<void> {
  const { id: containerId } = findRunning(pods, head, 500);
  const request = { containerId, cmd: head.command, timeout: 0 };
  const { stdout, stderr, exitCode } = await cri
    .execSync(request, { signal: goneSignal(stream) })
    .catch(refuse((problem) => problem));
  if (exitCode !== 0) {
    const said = Buffer.from(stderr).toString();
    const words = head.command.join(' ');
    throw new StreamRefusal(500, `command '${words}' exited with ${exitCode}: ${said}`);
  }
  await answer(stream, Buffer.concat([stdout, stderr]));
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

async function answer(stream: TunnelStream, body: Buffer): Promise<void> {
  const reply: ProviderStreamReply = { ok: true };
  await writeFrame(stream, reply);
  stream.end(body);
}

function goneSignal(stream: TunnelStream): AbortSignal {
  const gone = new AbortController();
  stream.once('close', () => {
    gone.abort();
  });
  stream.resume();
  return gone.signal;
}
