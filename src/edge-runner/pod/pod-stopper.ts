import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCriCode } from '../cri/cri-error.ts';
import { liveContainers, type ObservedContainer, type ObservedPod } from './observed.ts';
import type { PodContext } from './pod-context.ts';

/**
 * Stops a pod's containers, each with the grace given, and then its sandboxes. A kubelet's order.
 * @throws CriError when the runtime fails; doing it again goes on where it stopped.
 */
export async function stopPod(
  context: PodContext,
  observed: ObservedPod,
  graceSeconds: number,
): Promise<void> {
  await Promise.all(
    liveContainers(observed).map((container) => stopContainer(context, container, graceSeconds)),
  );
  for (const sandbox of observed.sandboxes) {
    await ignoreMissing(context.cri.stopPodSandbox({ podSandboxId: sandbox.id }));
  }
}

/** SIGTERM (or the image's stop signal), and SIGKILL after the grace. */
export async function stopContainer(
  context: PodContext,
  container: Pick<ObservedContainer, 'id'>,
  graceSeconds: number,
): Promise<void> {
  await ignoreMissing(
    context.cri.stopContainer({ containerId: container.id, timeout: graceSeconds }),
  );
}

/** Removes an ended container and its log. */
export async function removeContainer(
  context: PodContext,
  container: { id: string; logPath: string },
): Promise<void> {
  await ignoreMissing(context.cri.removeContainer({ containerId: container.id }));
  context.observer.forget(container.id);
  if (container.logPath !== '') await rm(container.logPath, { force: true });
}

/** Removes a stopped pod's containers, sandboxes and logs; nothing of it is left in the runtime. */
export async function removePod(context: PodContext, observed: ObservedPod): Promise<void> {
  for (const container of observed.containers) await removeContainer(context, container);
  for (const sandbox of observed.sandboxes) {
    await ignoreMissing(context.cri.removePodSandbox({ podSandboxId: sandbox.id }));
    context.observer.forget(sandbox.id);
  }
  const logFile = observed.containers.find(({ logPath }) => logPath !== '')?.logPath;
  if (logFile !== undefined) await rm(dirname(dirname(logFile)), { recursive: true, force: true });
}

async function ignoreMissing(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!hasCriCode(error, 'NOT_FOUND')) throw error;
  }
}
