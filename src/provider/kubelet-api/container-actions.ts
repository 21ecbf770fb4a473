import type { Duplex } from 'node:stream';
import { maxCommandWords, maxHeadBytes } from '../../protocol/limits.ts';
import type { CheckpointHead, RunHead } from '../../protocol/stream-head.ts';
import { KubeletApiError } from './kubelet-api-error.ts';
import { actionTimeoutMs } from './limits.ts';
import type { NodeDirectory } from './node-directory.ts';
import { hasContainer, podName, requirePod } from './pod-lookup.ts';
import type { RequestTarget } from './request-target.ts';
import { openSiteStream } from './site-stream.ts';

/**
 * The head for a request to `/run/{namespace}/{pod}/{container}`, with a uid before the container or
 * without. The words of the command are those between single spaces of `cmd`. Source: kubelet, getRun.
 * @throws KubeletApiError `NOT_FOUND`, `CONTAINER_NOT_FOUND`, `REQUEST_TOO_LARGE`.
 */
export function runHead(
  { segments, query }: RequestTarget,
  nodeName: string,
  nodes: NodeDirectory,
): RunHead {
  const [, namespace = '', pod = '', third = '', fourth] = segments;
  const container = fourth ?? third;
  const uid = fourth === undefined ? {} : { uid: third };
  const found = requirePod(nodes, nodeName, { namespace, pod, ...uid });
  if (!hasContainer(found, container)) {
    const name = JSON.stringify(container);
    throw new KubeletApiError('CONTAINER_NOT_FOUND', `container not found (${name})`);
  }
  const command = (query.get('cmd') ?? '').split(' ');
  const head = { type: 'run', ...podName(found), container, command } as const;
  const bytes = Buffer.byteLength(JSON.stringify(head));
  if (command.length > maxCommandWords || bytes > maxHeadBytes) {
    throw new KubeletApiError('REQUEST_TOO_LARGE', 'the command is too long');
  }
  return head;
}

/**
 * The head for a request to `/checkpoint/{namespace}/{pod}/{container}`. Source: kubelet, checkpoint.
 * @throws KubeletApiError `NOT_FOUND`.
 */
export function checkpointHead(
  { segments, query }: RequestTarget,
  nodeName: string,
  nodes: NodeDirectory,
): CheckpointHead {
  const [, namespace = '', pod = '', container = ''] = segments;
  const found = requirePod(nodes, nodeName, { namespace, pod });
  if (!hasContainer(found, container)) {
    throw new KubeletApiError('NOT_FOUND', `container ${container} does not exist`);
  }
  const timeout = query.getAll('timeout').at(-1) ?? '0';
  if (!/^[+-]?\d{1,9}$/.test(timeout)) {
    throw new KubeletApiError('NOT_FOUND', 'cannot parse value of timeout parameter');
  }
  const timeoutSeconds = Math.max(0, Number(timeout));
  return { type: 'checkpoint', ...podName(found), container, timeoutSeconds };
}

/** Has the site do it, however long it takes; what can be read is the body. @throws as `openSiteStream` */
export function openAction(
  nodes: NodeDirectory,
  nodeName: string,
  head: RunHead | CheckpointHead,
  signal: AbortSignal,
): Promise<Duplex> {
  const options = { streamClass: 'bulk', timeoutMs: actionTimeoutMs, signal } as const;
  return openSiteStream(nodes, { nodeName, head, ...options });
}
