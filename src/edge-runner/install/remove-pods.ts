import { join } from 'node:path';
import { rm, rmdir } from 'node:fs/promises';
import { readCgroupDriver } from '../cri/cgroup-driver.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { hasCriCode } from '../cri/cri-error.ts';
import { readCgroupFacts } from '../host/cgroups.ts';
import { runOnHost } from '../host/run-on-host.ts';
import { removePodCgroups } from '../node/pod-cgroups.ts';
import { SystemdSlices } from '../node/systemd-slices.ts';
import { annotations, labels } from '../pod/runtime.ts';

/** A pod that a runner made, as the runtime knows it. */
export interface FoundPod {
  readonly sandboxId: string;
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly graceSeconds: number;
  readonly running: boolean;
}

const defaultGraceSeconds = 30;

/** The pods of this device's runners, of whatever site, by the label on their sandboxes. @throws CriError */
export async function listPods(cri: Pick<CriClient, 'listPodSandbox'>): Promise<FoundPod[]> {
  const { items } = await cri.listPodSandbox({});
  return items
    .filter((sandbox) => sandbox.labels[labels.site] !== undefined)
    .map((sandbox) => ({
      sandboxId: sandbox.id,
      uid: sandbox.metadata?.uid ?? '',
      name: sandbox.metadata?.name ?? '',
      namespace: sandbox.metadata?.namespace ?? '',
      graceSeconds: Number(
        sandbox.annotations[annotations.terminationGracePeriod] ?? defaultGraceSeconds,
      ),
      running: sandbox.state === 'SANDBOX_READY',
    }));
}

/**
 * Ends pods within their grace, and removes all that they have in the runtime, their cgroups, their
 * logs, and the images that nobody else uses. @throws CriError
 */
export async function removePods(
  cri: CriClient,
  pods: readonly FoundPod[],
  { logRoot, cgroupRoot }: { logRoot: string; cgroupRoot: string },
): Promise<void> {
  const images = await imagesOf(cri, pods);
  await Promise.all(pods.map((pod) => endPod(cri, pod)));
  for (const { sandboxId: podSandboxId } of pods) {
    await cri.stopPodSandbox({ podSandboxId });
    await cri.removePodSandbox({ podSandboxId });
  }
  const used = new Set((await cri.listContainers({})).containers.map(({ imageRef }) => imageRef));
  for (const image of images) if (!used.has(image)) await cri.removeImage({ image: { image } });
  await removeCgroups(cri, pods, cgroupRoot);
  for (const { namespace, name, uid } of pods) {
    await rm(join(logRoot, `${namespace}_${name}_${uid}`), { recursive: true, force: true });
  }
}

async function imagesOf(cri: CriClient, pods: readonly FoundPod[]): Promise<Set<string>> {
  const sandboxes = new Set(pods.map(({ sandboxId }) => sandboxId));
  const { containers } = await cri.listContainers({});
  const ours = containers.filter(({ podSandboxId }) => sandboxes.has(podSandboxId));
  return new Set(ours.map(({ imageRef }) => imageRef));
}

async function endPod(cri: CriClient, pod: FoundPod): Promise<void> {
  const filter = { podSandboxId: pod.sandboxId };
  const { containers } = await cri.listContainers({ filter });
  await Promise.all(
    containers.map(async ({ id: containerId }) => {
      try {
        await cri.stopContainer({ containerId, timeout: pod.graceSeconds });
      } catch (error) {
        if (!hasCriCode(error, 'NOT_FOUND')) throw error;
      }
    }),
  );
}

/** Folders above the pods' go when they are empty: a kubelet may have the same ones. */
async function removeCgroups(
  cri: CriClient,
  pods: readonly FoundPod[],
  cgroupRoot: string,
): Promise<void> {
  const driver = await readCgroupDriver(cri);
  if (driver === undefined) return;
  const facts = await readCgroupFacts();
  const slices = new SystemdSlices(runOnHost, facts.version);
  for (const { uid } of pods) {
    await removePodCgroups(uid, { driver, root: cgroupRoot, facts, slices });
  }
  // systemd's own are kept: a kubelet may have pods in them.
  if (driver === 'systemd') return;
  for (const mount of new Set(Object.values(facts.mountPoints))) {
    for (const name of ['besteffort', 'burstable', '']) {
      await rmdir(join(mount, cgroupRoot, name)).catch(() => undefined);
    }
  }
}
