import type { IncomingMessage } from 'node:http';
import { maxCommandWords, maxHeadBytes } from '../../protocol/limits.ts';
import type { AttachHead, ExecHead, PortForwardHead } from '../../protocol/stream-head.ts';
import { KubeletApiError } from './kubelet-api-error.ts';
import type { NodeDirectory } from './node-directory.ts';
import { hasContainer, podName, requirePod } from './pod-lookup.ts';
import type { RequestTarget } from './request-target.ts';
import { isWebSocket, upgradeOf } from './upgrade-headers.ts';

export type StreamingHead = ExecHead | AttachHead | PortForwardHead;

/** True for a path whose requests leave HTTP. */
export function isStreamingPath(target: RequestTarget): boolean {
  return ['exec', 'attach', 'portForward'].includes(target.segments[0] ?? '');
}

/**
 * The head of the stream for a request to `/exec`, `/attach` or `/portForward`, checked in the
 * order and with the texts of a kubelet.
 * @throws KubeletApiError `PARAMETER_INVALID`, `NOT_FOUND`, `CONTAINER_NOT_FOUND`,
 * `UPGRADE_REQUIRED`, `REQUEST_TOO_LARGE`.
 */
export function parseStreamingRequest(
  request: IncomingMessage,
  target: RequestTarget,
  nodeName: string,
  nodes: NodeDirectory,
): StreamingHead {
  const head =
    target.segments[0] === 'portForward'
      ? portForwardHead(request, target, nodeName, nodes)
      : terminalHead(request, target, nodeName, nodes);
  if (Buffer.byteLength(JSON.stringify(head)) > maxHeadBytes) {
    throw new KubeletApiError(
      'REQUEST_TOO_LARGE',
      `the command is too long: a site takes ${maxHeadBytes} bytes; pass the rest by standard input`,
    );
  }
  return head;
}

function terminalHead(
  request: IncomingMessage,
  { segments, query }: RequestTarget,
  nodeName: string,
  nodes: NodeDirectory,
): ExecHead | AttachHead {
  const [type, namespace, pod, third, fourth, ...rest] = segments;
  const container = fourth ?? third;
  if (namespace === undefined || pod === undefined || container === undefined || rest.length > 0) {
    throw new KubeletApiError('NOT_FOUND', '404: Page Not Found');
  }
  const streams = terminalStreams(query);
  const command = type === 'exec' ? commandOf(query) : [];
  const uid = fourth === undefined ? undefined : third;
  const found = requirePod(nodes, nodeName, {
    namespace,
    pod,
    ...(uid === undefined ? {} : { uid }),
  });
  if (!hasContainer(found, container)) {
    throw new KubeletApiError(
      'CONTAINER_NOT_FOUND',
      `container not found (${JSON.stringify(container)})`,
    );
  }
  const where = { ...podName(found), container, ...streams, upgrade: upgradeOf(request) };
  if (type === 'attach') return { type, ...where };
  return { type: 'exec', command, ...where };
}

function portForwardHead(
  request: IncomingMessage,
  { segments, query }: RequestTarget,
  nodeName: string,
  nodes: NodeDirectory,
): PortForwardHead {
  const [, namespace, pod, uid, ...rest] = segments;
  if (namespace === undefined || pod === undefined || rest.length > 0) {
    throw new KubeletApiError('NOT_FOUND', '404: Page Not Found');
  }
  const ports = isWebSocket(request) ? portsOf(query) : [];
  const target = { namespace, pod, ...(uid === undefined ? {} : { uid }) };
  const found = requirePod(nodes, nodeName, target);
  return { type: 'port-forward', ...podName(found), ports, upgrade: upgradeOf(request) };
}

/** kube-apiserver sends `input=1` and the like; a terminal has no standard error of its own. */
function terminalStreams(
  query: URLSearchParams,
): Pick<ExecHead, 'stdin' | 'stdout' | 'stderr' | 'tty'> {
  const tty = isSet(query, 'tty');
  const stdin = isSet(query, 'input', 'stdin');
  const stdout = isSet(query, 'output', 'stdout');
  const stderr = isSet(query, 'error', 'stderr') && !tty;
  if (!stdin && !stdout && !stderr) {
    throw new KubeletApiError(
      'PARAMETER_INVALID',
      'you must specify at least 1 of stdin, stdout, stderr',
    );
  }
  return { stdin, stdout, stderr, tty };
}

function isSet(query: URLSearchParams, ...names: string[]): boolean {
  return names.some((name) => query.get(name) === '1' || query.get(name) === 'true');
}

function commandOf(query: URLSearchParams): string[] {
  const command = query.getAll('command');
  if (command.length === 0) {
    throw new KubeletApiError('PARAMETER_INVALID', 'you must specify a command');
  }
  if (command.length > maxCommandWords) {
    throw new KubeletApiError(
      'PARAMETER_INVALID',
      `the command has more than ${maxCommandWords} words`,
    );
  }
  return command;
}

function portsOf(query: URLSearchParams): number[] {
  const texts = query.getAll('port');
  if (texts.length === 0) {
    throw new KubeletApiError('PARAMETER_INVALID', 'query parameter "port" is required');
  }
  return texts.flatMap((text) => {
    if (text === '') {
      throw new KubeletApiError('PARAMETER_INVALID', 'query parameter "port" cannot be empty');
    }
    return text.split(',').map(port);
  });
}

function port(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= 65_535)) {
    throw new KubeletApiError(
      'PARAMETER_INVALID',
      `unable to parse ${JSON.stringify(text)} as a port`,
    );
  }
  if (number < 1) {
    throw new KubeletApiError('PARAMETER_INVALID', `port ${JSON.stringify(text)} must be > 0`);
  }
  return number;
}
