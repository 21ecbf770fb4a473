import type { Condition, Container, Pod } from '../../kube/api.ts';
import type { PodEvents } from './event-recorder.ts';
import { resizePendingType } from './resize-conditions.ts';

type Event = Parameters<PodEvents['record']>;

/**
 * What a kubelet tells of a resize, by what a pod's conditions said before and say now. `wanted`: the
 * pod with the resources that it waits for, where it does.
 * Source: kubelet, pkg/kubelet/events/resize.go, and where its messages are made.
 */
export function resizeEvents(change: {
  pod: Pod;
  wanted: Pod | undefined;
  before: readonly Condition[];
  after: readonly Condition[];
}): Event[] {
  const { pod, wanted = pod, before, after } = change;
  const events: Event[] = [];
  const pending = find(after, resizePendingType);
  if (pending?.reason !== undefined && isNews(pending, find(before, resizePendingType))) {
    const text = `Pod resize ${pending.reason}: ${summary(wanted, pending.message)}`;
    events.push(['Warning', `Resize${pending.reason}`, text]);
  }
  const [earlier, now] = [before, after].map((all) => find(all, 'PodResizeInProgress'));
  if (now !== undefined && earlier === undefined) {
    events.push(['Normal', 'ResizeStarted', `Pod resize started: ${summary(pod)}`]);
  }
  if (now?.reason === 'Error' && isNews(now, earlier)) {
    events.push(['Warning', 'ResizeError', `Pod resize error: ${summary(pod, now.message)}`]);
  }
  if (now === undefined && earlier !== undefined) {
    events.push(['Normal', 'ResizeCompleted', `Pod resize completed: ${summary(pod)}`]);
  }
  return events;
}

function find(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

function isNews(now: Condition, before: Condition | undefined): boolean {
  return now.reason !== before?.reason || now.message !== before?.message;
}

/** The resources that the spec names, as a kubelet writes them. */
function summary({ metadata, spec }: Pod, error = ''): string {
  const { initContainers = [], containers } = spec;
  return JSON.stringify({
    ...(initContainers.length === 0 ? {} : { initContainers: initContainers.map(allocation) }),
    containers: containers.map(allocation),
    generation: metadata.generation ?? 0,
    ...(error === '' ? {} : { error }),
  });
}

function allocation({ name, resources = {} }: Container): object {
  const { limits, requests } = resources;
  return { name, resources: { ...inOrder({ limits }), ...inOrder({ requests }) } };
}

/** Go writes the keys of a map in order, and no map that is empty. */
function inOrder(amounts: Record<string, Record<string, string> | undefined>): object {
  return Object.fromEntries(
    Object.entries(amounts)
      .filter(([, map]) => Object.keys(map ?? {}).length > 0)
      .map(([name, map = {}]) => [name, sorted(map)]),
  );
}

function sorted(map: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
