import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { KubernetesObject } from '../../kube/api.ts';
import { maxRecordedEvents, repeatedEventMs } from '../limits.ts';
import { timestamp } from '../node/timestamp.ts';
import { eventName, type EventObject } from './event-object.ts';
import type { EventWriter } from './event-writer.ts';

/** Records events of the provider's own, the same one now and then as long as it is so. */
export class EventRecorder {
  readonly #writer: Pick<EventWriter, 'write'>;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  /** When an event was last recorded, by what makes it the same. */
  readonly #recordedAtMs = new Map<string, number>();

  constructor(options: { writer: Pick<EventWriter, 'write'>; log: Logger; nowMs?: () => number }) {
    this.#writer = options.writer;
    this.#log = options.log;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /** A Warning, as `record`. */
  warn(object: KubernetesObject, reason: string, message: string): void {
    this.record(object, { type: 'Warning', reason, message });
  }

  /** Never throws: an event that can't be written is in the log. */
  record(object: KubernetesObject, event: OwnEvent): void {
    const { type, reason, message } = event;
    const { metadata } = object;
    const id = createHash('sha256')
      .update(`${metadata.uid ?? metadata.name}/${reason}/${message}`)
      .digest('hex');
    const nowMs = this.#nowMs();
    if (nowMs - (this.#recordedAtMs.get(id) ?? -Infinity) < repeatedEventMs) return;
    if (this.#recordedAtMs.size >= maxRecordedEvents) this.#recordedAtMs.clear();
    this.#recordedAtMs.set(id, nowMs);
    const fields = { object: metadata.name, namespace: metadata.namespace, reason };
    this.#log[type === 'Warning' ? 'warn' : 'info'](fields, message);
    this.#writer.write(eventObject(object, id, event)).catch((error: unknown) => {
      this.#recordedAtMs.delete(id);
      this.#log.warn({ err: error, reason }, 'event not written');
    });
  }
}

interface OwnEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

function eventObject(
  { apiVersion = 'v1', kind = 'Pod', metadata }: KubernetesObject,
  idHex: string,
  { type, reason, message }: OwnEvent,
): EventObject {
  // An event about an object without a namespace is in `default`, and says no namespace of the object.
  const { name, namespace } = metadata;
  const now = timestamp(Date.now());
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: eventName(name, idHex), namespace: namespace ?? 'default' },
    involvedObject: {
      ...{ apiVersion, kind, name },
      ...(namespace === undefined ? {} : { namespace }),
      ...referredUid(kind, metadata),
    },
    type,
    reason,
    message,
    source: { component: 'towline-provider' },
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
  };
}

/** A kubelet's events of its Node bear its name for a uid, and an older `kubectl describe` knows no others. */
function referredUid(kind: string, { name, uid }: KubernetesObject['metadata']): { uid?: string } {
  if (kind === 'Node') return { uid: name };
  return uid === undefined ? {} : { uid };
}
