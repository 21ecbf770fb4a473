import type { Duplex } from 'node:stream';
import { ProtocolError } from '../../protocol/errors.ts';
import { maxHeadBytes } from '../../protocol/limits.ts';
import { parseMessage } from '../../protocol/parse.ts';
import { type ProviderStreamHead, providerStreamReply } from '../../protocol/stream-head.ts';
import { TunnelError } from '../../tunnel/errors.ts';
import { FrameReader } from '../../tunnel/json-frame.ts';
import type { StreamClass } from '../../tunnel/stream.ts';
import { KubeletApiError } from './kubelet-api-error.ts';
import { maxRefusalLength, replyTimeoutMs } from './limits.ts';
import type { NodeDirectory } from './node-directory.ts';

export interface SiteStreamRequest {
  nodeName: string;
  head: ProviderStreamHead;
  streamClass: StreamClass;
  /** Aborts when the client is gone; the stream is destroyed then, as with every other failure. */
  signal: AbortSignal;
  /** How long the site may take to agree; `replyTimeoutMs` when absent. */
  timeoutMs?: number | undefined;
}

/**
 * A stream to a site that has agreed to what the head asks. What can be read from it is raw.
 * @throws KubeletApiError `REFUSED_BY_NODE` with the site's status and text, `NODE_DISCONNECTED`,
 * `NODE_LOST`, `NODE_TIMEOUT`, `NODE_ANSWER_INVALID`.
 */
export async function openSiteStream(
  nodes: NodeDirectory,
  request: SiteStreamRequest,
): Promise<Duplex> {
  const { nodeName, head, streamClass } = request;
  const timeout = AbortSignal.timeout(request.timeoutMs ?? replyTimeoutMs);
  const signal = AbortSignal.any([request.signal, timeout]);
  let stream: Duplex | undefined;
  try {
    stream = await nodes.open(nodeName, head, streamClass, signal);
    signal.throwIfAborted();
    await requireAgreement(stream, nodeName, signal);
    return stream;
  } catch (error) {
    stream?.destroy();
    throw siteFailure(error, nodeName, timeout);
  }
}

async function requireAgreement(
  stream: Duplex,
  nodeName: string,
  signal: AbortSignal,
): Promise<void> {
  const reader = new FrameReader(stream, maxHeadBytes);
  const value = await reader.read(signal);
  reader.release();
  if (value === undefined) throw lost(nodeName, undefined);
  const reply = parseMessage(providerStreamReply, value);
  if (reply.ok) return;
  const isError = Number.isInteger(reply.status) && reply.status >= 400 && reply.status <= 599;
  throw new KubeletApiError('REFUSED_BY_NODE', reply.message.slice(0, maxRefusalLength), {
    status: isError ? reply.status : 500,
  });
}

/**
 * What a client is told when a site fails it: `NODE_TIMEOUT`, `NODE_ANSWER_INVALID` or `NODE_LOST`. Errors that
 * are not the site's stay as they are.
 * @param timeout the signal that ended the wait, if it is aborted.
 */
export function siteFailure(error: unknown, nodeName: string, timeout: AbortSignal): unknown {
  if (error instanceof KubeletApiError) return error;
  if (timeout.aborted) {
    return new KubeletApiError(
      'NODE_TIMEOUT',
      `site of node "${nodeName}" did not answer in time; its link may be slow or its container runtime busy, try again`,
      { cause: error },
    );
  }
  if (error instanceof ProtocolError || isMalformed(error)) {
    return new KubeletApiError(
      'NODE_ANSWER_INVALID',
      `site of node "${nodeName}" gave an answer that cannot be understood; compare the runner's version with the provider's`,
      { cause: error },
    );
  }
  return error instanceof TunnelError ? lost(nodeName, error) : error;
}

function isMalformed(error: unknown): boolean {
  return (
    error instanceof TunnelError &&
    (error.code === 'FRAME_INVALID' || error.code === 'FRAME_TOO_LARGE')
  );
}

function lost(nodeName: string, cause: unknown): KubeletApiError {
  return new KubeletApiError(
    'NODE_LOST',
    `the connection to the site of node "${nodeName}" broke before it answered; try again`,
    { cause },
  );
}
