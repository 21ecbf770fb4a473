import {
  ContainerNotice,
  ImageNotice,
  TaskCreate,
  TaskDelete,
  TaskExit,
  TaskNotice,
  TaskStart,
  type Envelope,
  type Timestamp,
} from './event-messages.ts';

/** What happened in containerd, with the time at which it says so. */
export type ContainerdEvent = EventHead & EventBody;

export interface EventHead {
  readonly topic: string;
  readonly namespace: string;
  readonly timestampMs: number;
}

/**
 * `containerId` is a CRI container's or sandbox's id. `execId` is empty for the container's own
 * process, whose end is the container's. `exitStatus` is 128 + the signal for a killed process.
 */
export type EventBody =
  | { readonly type: 'subscribed' }
  | {
      readonly type: 'task-create' | 'task-start';
      readonly containerId: string;
      readonly pid: number;
    }
  | {
      readonly type: 'task-exit' | 'task-delete';
      readonly containerId: string;
      readonly execId: string;
      readonly pid: number;
      readonly exitStatus: number;
      /** Undefined where containerd names no time that there is. */
      readonly exitedAtMs: number | undefined;
    }
  | { readonly type: 'task-oom' | 'task-paused' | 'task-resumed'; readonly containerId: string }
  | {
      readonly type: 'container-create' | 'container-update' | 'container-delete';
      readonly containerId: string;
    }
  | { readonly type: 'image-create' | 'image-update' | 'image-delete'; readonly name: string }
  | { readonly type: 'other' };

/** Reads an event by its topic. Throws WireError when the payload is not what the topic says. */
export function readEvent(envelope: Envelope): ContainerdEvent {
  return {
    topic: envelope.topic,
    namespace: envelope.namespace,
    timestampMs: timestampMs(envelope.timestamp) ?? 0,
    ...readBody(envelope.topic, envelope.event?.value ?? new Uint8Array(0)),
  };
}

function readBody(topic: string, payload: Uint8Array): EventBody {
  switch (topic) {
    case '/tasks/create':
      return { type: 'task-create', ...TaskCreate.decode(payload) };
    case '/tasks/start':
      return { type: 'task-start', ...TaskStart.decode(payload) };
    case '/tasks/exit':
      return { type: 'task-exit', ...processEnd(TaskExit.decode(payload)) };
    case '/tasks/delete':
      return { type: 'task-delete', ...processEnd(TaskDelete.decode(payload)) };
    case '/tasks/oom':
      return { type: 'task-oom', ...TaskNotice.decode(payload) };
    case '/tasks/paused':
      return { type: 'task-paused', ...TaskNotice.decode(payload) };
    case '/tasks/resumed':
      return { type: 'task-resumed', ...TaskNotice.decode(payload) };
    case '/containers/create':
      return { type: 'container-create', containerId: ContainerNotice.decode(payload).id };
    case '/containers/update':
      return { type: 'container-update', containerId: ContainerNotice.decode(payload).id };
    case '/containers/delete':
      return { type: 'container-delete', containerId: ContainerNotice.decode(payload).id };
    case '/images/create':
      return { type: 'image-create', ...ImageNotice.decode(payload) };
    case '/images/update':
      return { type: 'image-update', ...ImageNotice.decode(payload) };
    case '/images/delete':
      return { type: 'image-delete', ...ImageNotice.decode(payload) };
    default:
      return { type: 'other' };
  }
}

interface ProcessEnd {
  containerId: string;
  execId: string;
  pid: number;
  exitStatus: number;
  exitedAtMs: number | undefined;
}

function processEnd(end: {
  containerId: string;
  id: string;
  pid: number;
  exitStatus: number;
  exitedAt: Timestamp | undefined;
}): ProcessEnd {
  return {
    containerId: end.containerId,
    execId: end.id === end.containerId ? '' : end.id,
    pid: end.pid,
    exitStatus: end.exitStatus,
    exitedAtMs: timestampMs(end.exitedAt),
  };
}

/** The years that a protobuf timestamp and RFC 3339 can have: 1 to 9999. */
const minTimestampMs = Date.parse('0001-01-01T00:00:00Z');
const maxTimestampMs = Date.parse('9999-12-31T23:59:59.999Z');

/** In ms since 1970; undefined where it is missing or none that there is. */
function timestampMs(timestamp: Timestamp | undefined): number | undefined {
  if (timestamp === undefined) return undefined;
  const ms = timestamp.seconds * 1000 + Math.floor(timestamp.nanos / 1_000_000);
  return ms >= minTimestampMs && ms <= maxTimestampMs ? ms : undefined;
}
