import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { KubernetesObject } from '../../kube/api.ts';
import { timestamp } from '../node/timestamp.ts';
import { eventName, type EventObject } from './event-object.ts';
import type { EventWriter } from './event-writer.ts';

/** Records Warning events of the provider's own, the same one only once in a process' time. */
export class EventRecorder {
  readonly #writer: EventWriter;
  readonly #log: Logger;
  readonly #recorded = new Set<string>();

  constructor(options: { writer: EventWriter; log: Logger }) {
    this.#writer = options.writer;
    this.#log = options.log;
  }

  /** Never throws: an event that can't be written is in the log. */
  warn(object: KubernetesObject, reason: string, message: string): void {
    const { metadata } = object;
    this.#log.warn({ object: metadata.name, namespace: metadata.namespace, reason }, message);
    const id = createHash('sha256')
      .update(`${metadata.uid ?? metadata.name}/${reason}/${message}`)
      .digest('hex');
    if (this.#recorded.has(id)) return;
    if (this.#recorded.size >= maxRecorded) this.#recorded.clear();
    this.#recorded.add(id);
    this.#writer.write(warning(object, id, reason, message)).catch((error: unknown) => {
      this.#recorded.delete(id);
      this.#log.warn({ err: error, reason }, 'event not written');
    });
  }
}

const maxRecorded = 10_000;

function warning(
  { apiVersion = 'v1', kind = 'Pod', metadata }: KubernetesObject,
  idHex: string,
  reason: string,
  message: string,
): EventObject {
  const { name, namespace = 'default', uid } = metadata;
  const now = timestamp(Date.now());
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: eventName(name, idHex), namespace },
    involvedObject: { apiVersion, kind, name, namespace, ...(uid === undefined ? {} : { uid }) },
    type: 'Warning',
    reason,
    message,
    source: { component: 'towline-provider' },
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
  };
}
