import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ContainerdEvents } from '../containerd/containerd-events.ts';
import type { PodNetwork } from '../network/pod-network.ts';
import type { NodeReporter } from '../node/node-reporter.ts';
import type { PodManager } from '../pod/pod-manager.ts';

interface RuntimeWatch {
  events: ContainerdEvents;
  pods: PodManager;
  node: NodeReporter;
  log: Logger;
}

/** Nothing else wakes a pod, and whatever is sent besides wakes the device. */
const filters = ['topic=="/tasks/exit"', 'topic=="/tasks/oom"'];

const firstRetryMs = 500;
const maxRetryMs = 10_000;

/** Wakes pods by containerd's events, and all of them whenever events may have been missed. */
export async function watchRuntime(watch: RuntimeWatch, signal: AbortSignal): Promise<void> {
  let retryMs = firstRetryMs;
  while (!signal.aborted) {
    try {
      for await (const event of watch.events.subscribe({ signal, filters })) {
        if (event.type === 'subscribed') {
          retryMs = firstRetryMs;
          watch.pods.wakeAll();
          await watch.node.refresh();
        } else if (event.type === 'task-exit' && event.execId === '') {
          const { containerId, exitStatus: exitCode, exitedAtMs } = event;
          watch.pods.containerEnded(containerId, { exitCode, exitedAtMs });
        } else if (event.type === 'task-oom') {
          watch.pods.containerOutOfMemory(event.containerId);
        }
      }
    } catch (error) {
      watch.log.warn({ err: error }, 'the event stream of containerd broke; subscribing again');
    }
    if (signal.aborted) return;
    await watch.node.refresh();
    await delay(retryMs, undefined, { signal }).catch(() => undefined);
    retryMs = Math.min(retryMs * 2, maxRetryMs);
  }
}

/** Looks at what can become different without an event: the runtime's conditions, and the device's networks. */
export async function watchNode(
  { node, network }: { node: Pick<NodeReporter, 'refresh'>; network: Pick<PodNetwork, 'look'> },
  intervalMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await delay(intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    await node.refresh();
    await network.look(signal);
  }
}
