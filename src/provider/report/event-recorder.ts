import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { KubernetesObject } from '../../kube/api.ts';
import { maxRecordedEvents, repeatedEventMs } from '../limits.ts';
import { timestamp } from '../node/timestamp.ts';
import { eventName, type EventObject } from './event-object.ts';
import type { EventWriter } from './event-writer.ts';

/** Records Warning events of the provider's own, the same one now and then as long as it is so. */
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

  /** Never throws: an event that can't be written is in the log. */
  warn(object: KubernetesObject, reason: string, message: string): void {
    const { metadata } = object;
    const id = createHash('sha256')
      .update(`${metadata.uid ?? metadata.name}/${reason}/${message}`)
      .digest('hex');
    const nowMs = this.#nowMs();
    if (nowMs - (this.#recordedAtMs.get(id) ?? -Infinity) < repeatedEventMs) return;
    if (this.#recordedAtMs.size >= maxRecordedEvents) this.#recordedAtMs.clear();
    this.#recordedAtMs.set(id, nowMs);
    this.#log.warn({ object: metadata.name, namespace: metadata.namespace, reason }, message);
    this.#writer.write(warning(object, id, reason, message)).catch((error: unknown) => {
      this.#recordedAtMs.delete(id);
      this.#log.warn({ err: error, reason }, 'event not written');
    });
  }
}

function warning(
  { apiVersion = 'v1', kind = 'Pod', metadata }: KubernetesObject,
  idHex: string,
  reason: string,
  message: string,
): EventObject {
  // An event about an object without a namespace is in `default`, and says no namespace of the object.
  const { name, namespace, uid } = metadata;
  const now = timestamp(Date.now());
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: eventName(name, idHex), namespace: namespace ?? 'default' },
    involvedObject: {
      ...{ apiVersion, kind, name },
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
    type: 'Warning',
    reason,
    message,
    source: { component: 'towline-provider' },
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
  };
}
