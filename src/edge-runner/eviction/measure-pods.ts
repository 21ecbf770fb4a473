import type { PodUsage } from '../stats/usage.ts';
import type { DiskMeter } from '../stats/volume-usage.ts';
import type { LocalStorage } from './local-storage.ts';
import type { Consumption } from './pod-consumption.ts';

interface Disk {
  readonly storage: LocalStorage;
  readonly inodes: number;
  readonly containerInodes: ReadonlyMap<string, number>;
}

/** What a pod takes of the disk. Rejects with the signal's reason. */
export async function measureStorage(
  usage: PodUsage,
  meter: DiskMeter,
  signal: AbortSignal,
): Promise<LocalStorage> {
  return (await measureDisk(usage, meter, signal)).storage;
}

/** What a pod takes of everything that it can be evicted for; disks only where that is asked for. */
export async function measureConsumption(
  usage: PodUsage,
  disk: { meter: DiskMeter; signal: AbortSignal } | undefined,
): Promise<Consumption> {
  const measured =
    disk === undefined ? undefined : await measureDisk(usage, disk.meter, disk.signal);
  return {
    pod: usage.pod,
    memoryBytes: usage.memory?.workingSetBytes ?? 0,
    diskBytes: measured?.storage.totalBytes ?? 0,
    inodes: measured?.inodes ?? 0,
    processes: usage.processes ?? 0,
    containers: usage.containers.map(({ container: { name }, memory }) => ({
      name,
      memoryBytes: memory?.workingSetBytes ?? 0,
      diskBytes: measured?.storage.containers.get(name) ?? 0,
      inodes: measured?.containerInodes.get(name) ?? 0,
    })),
  };
}

async function measureDisk(usage: PodUsage, meter: DiskMeter, signal: AbortSignal): Promise<Disk> {
  const volumes = await meter.volumes(usage.pod, signal);
  const containers = new Map<string, number>();
  const containerInodes = new Map<string, number>();
  for (const { container, rootFsBytes, rootFsInodes } of usage.containers) {
    const logs = await meter.logs(container.logPath, signal);
    containers.set(container.name, rootFsBytes + logs.bytes);
    containerInodes.set(container.name, rootFsInodes + logs.inodes);
  }
  const onDisk = volumes.filter(({ inMemory }) => !inMemory);
  return {
    storage: {
      volumes: new Map(volumes.map(({ volume, bytes }) => [volume.name, bytes])),
      containers,
      totalBytes: sum([...containers.values(), ...onDisk.map(({ bytes }) => bytes)]),
    },
    inodes: sum([...containerInodes.values(), ...onDisk.map(({ inodes }) => inodes)]),
    containerInodes,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
