import { rm } from 'node:fs/promises';
import type { Pod } from '../../kube/api.ts';
import { sidecars } from '../../kube/container-status.ts';
import { signalNumber } from '../../kube/signals.ts';
import { hasCriCode } from '../cri/cri-error.ts';
import type { PodEvents } from './event-recorder.ts';
import { listLogFiles } from '../logs/log-files.ts';
import { liveContainers, type ObservedContainer, type ObservedPod } from './observed.ts';
import { containerNamed } from './pod-containers.ts';
import type { PodContext } from './pod-context.ts';
import type { PodHealth } from './pod-health.ts';
import { podLogDirectory } from './pod-paths.ts';
import type { WakeUp } from './wake-up.ts';

/** Kubelet: however short the grace, a container gets this long between SIGTERM and SIGKILL. */
const minGraceSeconds = 2;

/** What stopping a container needs to know of its pod. */
interface StoppedPod {
  pod: Pod;
  health: PodHealth;
  signal: AbortSignal;
}

type Stopped = Pick<ObservedContainer, 'id' | 'name' | 'state' | 'stopSignal'>;

interface Stop extends StoppedPod {
  observed: ObservedPod;
  events: PodEvents;
  /** The grace that applies now; a second delete may shorten it while the pod is being stopped. */
  graceSeconds: () => number;
  /** Woken whenever the grace may have changed, and for the pod's worker, which sleeps by it too. */
  wakeUp: WakeUp;
}

/**
 * Stops a pod's containers and then its sandboxes, within the newest grace.
 * @throws CriError when the runtime fails or the signal aborts; doing it again goes on.
 */
export async function stopPod(context: PodContext, stop: Stop): Promise<void> {
  const { observed, graceSeconds, wakeUp } = stop;
  for (const { name, state } of observed.containers) {
    if (state === 'running') {
      stop.events.record('Normal', 'Killing', `Stopping container ${name}`, name);
    }
  }
  let seconds = graceSeconds();
  let wasWoken = false;
  const over = new AbortController();
  const first = stopOnce(context, stop, seconds).finally(() => {
    over.abort();
  });
  const faster = hurry();
  await first;
  await faster;
  // What came meanwhile may be the deletion of a pod that had ended by itself: its worker must look.
  if (wasWoken) wakeUp.wake();

  async function hurry(): Promise<void> {
    const attempts: Promise<unknown>[] = [];
    for (;;) {
      await wakeUp.wait(undefined, over.signal);
      if (over.signal.aborted) break;
      wasWoken = true;
      if (graceSeconds() >= seconds) continue;
      seconds = graceSeconds();
      // The first attempt tells whether the pod has stopped.
      attempts.push(stopOnce(context, stop, seconds).catch(() => undefined));
    }
    await Promise.all(attempts);
  }
}

/**
 * The preStop hook, then, when `turn` has resolved, the stop signal of the spec, else of the image,
 * else SIGTERM, and SIGKILL after the grace.
 * @throws CriError, and what `turn` rejects with
 */
export async function stopContainer(
  context: PodContext,
  { pod, health, signal }: StoppedPod,
  container: Stopped,
  graceSeconds: number,
  turn?: Promise<unknown>,
): Promise<void> {
  const leftSeconds = await health.beforeStop(pod, container, { graceSeconds, signal, turn });
  await killContainer(context, { pod, signal }, container, leftSeconds);
}

/** As `stopContainer`, without the preStop hook. @throws CriError */
export async function killContainer(
  context: PodContext,
  { pod, signal }: Pick<StoppedPod, 'pod' | 'signal'>,
  container: Stopped,
  leftSeconds: number,
): Promise<void> {
  let timeout = Math.max(leftSeconds, minGraceSeconds);
  const ownSignal = signalToSend(pod, container);
  if (ownSignal !== undefined) {
    await context.tasks.signal(container.id, ownSignal, { graceSeconds: timeout, signal });
    timeout = 0;
  }
  await ignoreMissing(
    context.cri.stopContainer({ containerId: container.id, timeout }, { signal }),
  );
}

/** The number of the spec's stop signal, unless the runtime itself knows it. */
function signalToSend(pod: Pod, { name, state, stopSignal }: Stopped): number | undefined {
  const wanted = containerNamed(pod, name)?.lifecycle?.stopSignal;
  if (wanted === undefined || stopSignal !== undefined || state !== 'running') return undefined;
  return signalNumber(wanted);
}

/** Removes an ended container and its log. @throws CriError */
export async function removeContainer(
  context: PodContext,
  container: { id: string; logPath: string },
): Promise<void> {
  await ignoreMissing(context.cri.removeContainer({ containerId: container.id }));
  context.observer.forget(container.id);
  if (container.logPath === '') return;
  for (const file of await listLogFiles(container.logPath)) await rm(file, { force: true });
}

/** Removes a stopped sandbox. @throws CriError */
export async function removeSandbox(context: PodContext, sandbox: { id: string }): Promise<void> {
  await ignoreMissing(context.cri.removePodSandbox({ podSandboxId: sandbox.id }));
  await context.bandwidth.lift(sandbox.id);
  context.observer.forget(sandbox.id);
}

/** Removes a stopped pod's containers, sandboxes and logs. @throws CriError */
export async function removePod(
  context: PodContext,
  pod: Pod,
  observed: ObservedPod,
): Promise<void> {
  for (const container of observed.containers) await removeContainer(context, container);
  for (const sandbox of observed.sandboxes) await removeSandbox(context, sandbox);
  // Of a pod that left nothing but a report, its uid is all that is known.
  if (pod.metadata.name === '') return;
  await rm(podLogDirectory(context.logRoot, pod), { recursive: true, force: true });
}

async function stopOnce(context: PodContext, stop: Stop, graceSeconds: number): Promise<void> {
  const { observed, signal } = stop;
  await stopContainers(context, stop, graceSeconds);
  for (const { id, ips } of observed.sandboxes) {
    await ignoreMissing(context.cri.stopPodSandbox({ podSandboxId: id }, { signal }));
    await context.bandwidth.lift(id);
    await context.forgetNeighbours(ips);
  }
}

/** Sidecars end after all others, in the reverse of the order in which they came. */
async function stopContainers(
  context: PodContext,
  stop: Stop,
  graceSeconds: number,
): Promise<void> {
  const order = sidecars(stop.pod.spec).map(({ name }) => name);
  const live = liveContainers(stop.observed);
  const stops = live
    .filter(({ name }) => !order.includes(name))
    .map((container) => stopContainer(context, stop, container, graceSeconds));
  for (const name of order.reverse()) {
    for (const container of live.filter((each) => each.name === name)) {
      const turn = Promise.all(stops);
      stops.push(stopContainer(context, stop, container, graceSeconds, turn));
    }
  }
  await Promise.all(stops);
}

async function ignoreMissing(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!hasCriCode(error, 'NOT_FOUND')) throw error;
  }
}
