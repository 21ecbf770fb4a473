import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ContainerdTasks } from '../containerd/containerd-tasks.ts';
import { CriClient } from '../cri/cri-client.ts';
import { GrpcChannel } from '../cri/grpc-channel.ts';
import { removeIdentity } from '../join/identity-dir.ts';
import { systemClock } from '../pod/clock.ts';
import { PodManager } from '../pod/pod-manager.ts';
import { labels } from '../pod/runtime.ts';
import { Outbox } from '../report/outbox.ts';
import { checkRuntime } from '../run/check-runtime.ts';
import { createPodContext } from '../run/create-pod-context.ts';
import { storeName } from '../run/open-site-store.ts';
import { storeKeyName } from '../store/key-file.ts';
import { knownPulls } from '../store/known-pulls.ts';
import { noteLoss } from '../store/lost-store.ts';
import { lockStore, storeFiles } from '../store/open-store.ts';
import { AesSealer } from '../store/sealer.ts';
import { SqliteStore } from '../store/sqlite-store.ts';
import { DesiredState } from '../sync/desired-state.ts';
import { RunnerError } from '../errors.ts';
import { maxParallelPulls } from '../limits.ts';
import { runOnHost } from '../host/run-on-host.ts';
import { checkpointsName } from '../streams/checkpoint-files.ts';
import { LinuxMounter } from '../volumes/linux-mounter.ts';
import { ensureMemoryDir } from '../volumes/memory-dir.ts';
import { tearDown } from '../volumes/pod-teardown.ts';
import { removeImages } from './remove-images.ts';

export interface WipeOptions {
  stateDir: string;
  memoryDir: string;
  containerdSocket: string;
  logRoot: string;
  cgroupRoot: string;
  keepIdentity: boolean;
}

interface WipeDependencies {
  /** Takes a line for the person at the device. */
  tell: (line: string) => void;
  log: Logger;
  signal: AbortSignal;
}

/**
 * Removes what came from the cluster; doing it again goes on where it broke off. The store goes after
 * the pods, so that a runner started meanwhile still knows them, and the key of what was in it last.
 * @throws RunnerError `ALREADY_RUNNING`, `RUNTIME_UNAVAILABLE`, `STORE_FAILED`; CriError, VolumeError
 *   or JoinError
 */
export async function wipeDevice(
  options: WipeOptions,
  { tell, log, signal }: WipeDependencies,
): Promise<void> {
  const { stateDir, memoryDir } = options;
  const store = join(stateDir, storeName);
  const pulled = knownPulls(store);
  const unlock = lockStore(store);
  try {
    const removed = await removeFromRuntime({ ...options, pulled }, log, signal);
    tell(`${removed.pods} pods stopped and removed`);
    if (removed.images > 0) tell(`${removed.images} images removed`);
    await tearDown([join(stateDir, 'pods'), memoryDir], new LinuxMounter(), signal);
    await rm(join(stateDir, checkpointsName), { recursive: true, force: true });
    tell('volumes removed, on disk and in memory');
  } finally {
    unlock();
  }
  const files = storeFiles(store);
  // Images that are still here may have been private.
  if (files.length > 0) noteLoss(store, pulled);
  for (const file of files) await rm(file, { force: true });
  await rm(join(stateDir, storeKeyName), { force: true });
  tell('store removed');
  if (options.keepIdentity) return;
  await removeIdentity(stateDir);
  tell('identity removed');
}

/**
 * Ends every pod that a runner has made, of whichever site, and removes the images that are known to
 * have been pulled for pods; where nothing is known, those that these pods have.
 * @returns how many
 */
async function removeFromRuntime(
  options: WipeOptions & { pulled: readonly string[] | undefined },
  log: Logger,
  signal: AbortSignal,
): Promise<{ pods: number; images: number }> {
  const channel = new GrpcChannel({ socketPath: options.containerdSocket });
  try {
    const cri = new CriClient(channel);
    await checkRuntime(cri, log);
    const { pods, images } = await podsBySite(cri);
    const tasks = new ContainerdTasks(channel);
    for (const site of pods.keys()) await endSite(site, { ...options, cri, tasks, log, signal });
    return {
      pods: [...pods.values()].reduce((sum, uids) => sum + uids.size, 0),
      images: await removeImages(cri, options.pulled ?? images),
    };
  } finally {
    await channel.close();
  }
}

/** Uids of pods by site, and the images of their containers. */
async function podsBySite(
  cri: CriClient,
): Promise<{ pods: Map<string, Set<string>>; images: string[] }> {
  const [sandboxes, containers] = await Promise.all([
    cri.listPodSandbox({}),
    cri.listContainers({}),
  ]);
  const pods = new Map<string, Set<string>>();
  for (const item of [...sandboxes.items, ...containers.containers]) {
    const [site, uid] = [item.labels[labels.site], item.labels[labels.podUid]];
    if (site === undefined || uid === undefined) continue;
    pods.set(site, (pods.get(site) ?? new Set()).add(uid));
  }
  const ours = containers.containers.filter((each) => each.labels[labels.site] !== undefined);
  return { pods, images: ours.map(({ imageRef }) => imageRef) };
}

/** Pods end as ever, for all are orphans of a store that holds nothing. */
async function endSite(
  site: string,
  options: WipeOptions & {
    cri: CriClient;
    tasks: ContainerdTasks;
    log: Logger;
    signal: AbortSignal;
  },
): Promise<void> {
  const { log, signal } = options;
  const store = new SqliteStore(':memory:', { sealer: new AesSealer(randomBytes(32)) });
  const outbox = new Outbox(store, log);
  try {
    await ensureMemoryDir(options.memoryDir, new LinuxMounter());
    const context = await createPodContext({
      ...{ ...options, store, outbox, objects: new DesiredState(store), clock: systemClock },
      requestToken: () => Promise.reject(new RunnerError('CLOUD_UNREACHABLE', 'not connected')),
      node: { nodeName: site, hostname: '', hostIPs: [], memoryBytes: 0, allocatable: {} },
      ...{
        clusterDns: { domain: '', servers: [] },
        allowedUnsafeSysctls: [],
        ...{ maxParallelPulls, runOnHost },
        admission: () => undefined,
        networkProblem: () => Promise.resolve(undefined),
        abilities: () => ({ handlers: [], features: undefined }),
      },
    });
    const pods = new PodManager({ context, lastStatus: () => undefined }, signal);
    await pods.removeOrphans([], []);
    await pods.stopped();
  } finally {
    outbox.close();
    store.close();
  }
  if (signal.aborted)
    throw new RunnerError('ABORTED', 'broken off; what is left, another wipe removes');
}
