import type {
  AttachHead,
  ExecHead,
  PortForwardHead,
  ProviderStreamReply,
} from '../../protocol/stream-head.ts';
import { writeFrame } from '../../tunnel/json-frame.ts';
import type { TunnelStream } from '../../tunnel/stream.ts';
import type { CriClient } from '../cri/cri-client.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import { findRunning, findSandbox } from './find-container.ts';
import { RuntimeSocket } from './runtime-socket.ts';
import { upgradeRequest } from './upgrade-request.ts';

type StreamingHead = ExecHead | AttachHead | PortForwardHead;

interface RelayOptions {
  pods: PodManager;
  cri: CriClient;
}

/**
 * Asks the runtime for a streaming URL, sends the client's upgrade there, and passes bytes both
 * ways, uninterpreted (a kubelet does the same). Each side's end or loss is the other's.
 */
export async function relayStreaming(
  stream: TunnelStream,
  head: StreamingHead,
  options: RelayOptions,
): Promise<void> {
  const url = new URL(await streamingUrl(head, options));
  const socket = new RuntimeSocket(url);
  await socket.connect();
  try {
    const reply: ProviderStreamReply = { ok: true };
    await writeFrame(stream, reply);
    await socket.relay(upgradeRequest(head.upgrade, url), stream);
  } finally {
    socket.destroy();
  }
}

async function streamingUrl(head: StreamingHead, { pods, cri }: RelayOptions): Promise<string> {
  if (head.type === 'port-forward') {
    const sandbox = findSandbox(pods, head);
    return (await cri.portForward({ podSandboxId: sandbox.id, port: head.ports })).url;
  }
  const { id: containerId } = findRunning(pods, head);
  const { stdin, stdout, tty } = head;
  const io = { containerId, stdin, stdout, tty, stderr: head.stderr && !tty };
  if (head.type === 'attach') return (await cri.attach(io)).url;
  return (await cri.exec({ ...io, cmd: head.command })).url;
}
