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
import { lockStore, storeFiles } from '../store/open-store.ts';
import { AesSealer } from '../store/sealer.ts';
import { SqliteStore } from '../store/sqlite-store.ts';
import { DesiredState } from '../sync/desired-state.ts';
import { RunnerError } from '../errors.ts';
import { maxParallelPulls } from '../limits.ts';
import { runOnHost } from '../host/run-on-host.ts';
import { LinuxMounter } from '../volumes/linux-mounter.ts';
import { ensureMemoryDir } from '../volumes/memory-dir.ts';
import { tearDown } from '../volumes/pod-teardown.ts';

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
  const unlock = lockStore(store);
  try {
    tell(`${await endPods(options, log, signal)} pods stopped and removed`);
    await tearDown([join(stateDir, 'pods'), memoryDir], new LinuxMounter(), signal);
    tell('volumes removed, on disk and in memory');
  } finally {
    unlock();
  }
  for (const file of storeFiles(store)) await rm(file, { force: true });
  await rm(join(stateDir, storeKeyName), { force: true });
  tell('store removed');
  if (options.keepIdentity) return;
  await removeIdentity(stateDir);
  tell('identity removed');
}

/** Ends every pod that a runner has made, of whichever site. @returns how many */
async function endPods(options: WipeOptions, log: Logger, signal: AbortSignal): Promise<number> {
  const channel = new GrpcChannel({ socketPath: options.containerdSocket });
  try {
    const cri = new CriClient(channel);
    await checkRuntime(cri, log);
    const pods = await podsBySite(cri);
    const tasks = new ContainerdTasks(channel);
    for (const site of pods.keys()) await endSite(site, { ...options, cri, tasks, log, signal });
    return [...pods.values()].reduce((sum, uids) => sum + uids.size, 0);
  } finally {
    await channel.close();
  }
}

async function podsBySite(cri: CriClient): Promise<Map<string, Set<string>>> {
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
  return pods;
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
