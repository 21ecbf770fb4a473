import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { KubeletApiError } from './kubelet-api-error.ts';
import { parseLogOptions } from './log-options.ts';
import type { NodeDirectory } from './node-directory.ts';
import { hasContainer, podName } from './pod-lookup.ts';
import type { RequestTarget } from './request-target.ts';
import { openSiteStream } from './site-stream.ts';

/**
 * Opens the log that a path `/containerLogs/{namespace}/{pod}/{container}` names. Parameters,
 * statuses and texts are a kubelet's.
 * @throws KubeletApiError `PARAMETER_INVALID`, `PARAMETER_UNPROCESSABLE`, `NOT_FOUND`, and those
 * of `openSiteStream`.
 */
export async function openContainerLog(
  nodes: NodeDirectory,
  nodeName: string,
  target: RequestTarget,
  signal: AbortSignal,
): Promise<Duplex> {
  const [, namespace = '', pod = '', container = ''] = target.segments;
  const options = parseLogOptions(target.query);
  const found = nodes.pod(nodeName, namespace, pod);
  if (found === undefined) {
    throw new KubeletApiError('NOT_FOUND', `pod ${JSON.stringify(pod)} does not exist`);
  }
  if (!hasContainer(found, container)) {
    throw new KubeletApiError(
      'NOT_FOUND',
      `container ${JSON.stringify(container)} not found in pod ${JSON.stringify(pod)}`,
    );
  }
  const head = { type: 'logs', ...podName(found), container, ...options } as const;
  return openSiteStream(nodes, { nodeName, head, streamClass: 'bulk', signal });
}

/**
 * Sends a log as it comes, in chunks. When the site breaks off, so does the answer, and the client
 * sees that it is not whole. Never rejects.
 */
export async function sendLog(
  log: Duplex,
  response: ServerResponse,
  contentType = 'text/plain; charset=utf-8',
): Promise<void> {
  response.writeHead(200, {
    'content-type': contentType,
    'x-content-type-options': 'nosniff',
    'transfer-encoding': 'chunked',
  });
  response.flushHeaders();
  try {
    await pipeline(log, response);
    log.end();
  } catch {
    response.destroy();
    log.destroy();
  }
}
