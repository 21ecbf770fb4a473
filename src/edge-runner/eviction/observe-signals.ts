import type { HostRoot } from '../host/host-files.ts';
import { readFilesystemUsage, readMemoryUsage, readPidUsage } from '../host/pressure.ts';
import type { FilesystemUsage, MemoryUsage, PidUsage } from '../host/pressure.ts';
import type { Signal } from './thresholds.ts';

/** How much is left of how much. */
export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

export type Observations = Readonly<Record<Signal, Observation>>;

/** Looks at the device. `imagePath` lies where the runtime keeps images. @throws HostError */
export async function observeSignals(
  paths: { stateDir: string; imagePath: string },
  host: HostRoot = {},
): Promise<Observations> {
  return signalsOf({
    memory: await readMemoryUsage(host),
    nodeFs: await readFilesystemUsage(paths.stateDir),
    imageFs: await readFilesystemUsage(paths.imagePath),
    pids: await readPidUsage(host),
  });
}

/** Source: kubelet, pkg/kubelet/eviction/helpers.go, makeSignalObservations. */
export function signalsOf(facts: {
  memory: MemoryUsage;
  nodeFs: FilesystemUsage;
  imageFs: FilesystemUsage;
  pids: PidUsage;
}): Observations {
  const { memory, nodeFs, imageFs, pids } = facts;
  return {
    'memory.available': { available: memory.availableBytes, capacity: memory.totalBytes },
    'nodefs.available': { available: nodeFs.availableBytes, capacity: nodeFs.capacityBytes },
    'nodefs.inodesFree': { available: nodeFs.inodesFree, capacity: nodeFs.inodes },
    'imagefs.available': { available: imageFs.availableBytes, capacity: imageFs.capacityBytes },
    'imagefs.inodesFree': { available: imageFs.inodesFree, capacity: imageFs.inodes },
    'pid.available': { available: pids.max - pids.running, capacity: pids.max },
  };
}
