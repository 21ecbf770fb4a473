import { createHash } from 'node:crypto';
import type { KubernetesObject, ObjectMeta } from '../../kube/api.ts';
import type { EventReport } from '../../protocol/report.ts';

/** `source.component` of the events that come from a site. */
export const runnerComponent = 'towline-runner';

/** A core/v1 Event. */
export interface EventObject extends KubernetesObject {
  metadata: ObjectMeta;
  involvedObject: {
    apiVersion: string;
    kind: string;
    name: string;
    namespace?: string;
    uid?: string;
    fieldPath?: string;
  };
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  source: { component: string; host?: string };
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
}

/**
 * The Event for a site's report of one. Its name follows from the report's id, so that the same
 * report is the same Event however often it comes; names are in the order of time, as client-go's.
 */
export function eventObject(nodeName: string, report: EventReport): EventObject {
  const { pod, fieldPath, reason, message, count, firstTimestamp, lastTimestamp } = report;
  const id = createHash('sha256').update(`${nodeName}/${pod.uid}/${report.id}`).digest('hex');
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: eventName(pod.name, orderedId(report.id, id)), namespace: pod.namespace },
    involvedObject: {
      apiVersion: 'v1',
      kind: 'Pod',
      name: pod.name,
      namespace: pod.namespace,
      uid: pod.uid,
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
    type: report.type,
    reason,
    message: message.slice(0, maxMessageLength),
    source: { component: runnerComponent, host: nodeName },
    count,
    firstTimestamp,
    lastTimestamp,
  };
}

/** Twelve digits of the time that a runner's id begins with, and of the hash, so that no site hits an Event of others. */
function orderedId(id: string, hash: string): string {
  const time = /^[0-9a-f]{16}-/.test(id) ? id.slice(0, 12) : '';
  return `${time}${hash}`;
}

/** Of the API's validation of events.k8s.io; the core API takes more, and readers don't. */
const maxMessageLength = 1024;

/** Longest name of an object in the API. */
const maxNameLength = 253;

/** `<object>.<16 hex digits>`, as client-go names events. */
export function eventName(objectName: string, idHex: string): string {
  return `${objectName.slice(0, maxNameLength - 17)}.${idHex.slice(0, 16)}`;
}
