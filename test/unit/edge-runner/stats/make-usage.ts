import type { NodeUsage, PodUsage } from '../../../../src/edge-runner/stats/usage.ts';
import { makeContainer } from '../pod/make-observed.ts';

/** A device at work; times are small numbers so that they can be recognised. */
export const nodeUsage: NodeUsage = {
  atMs: 5_000,
  bootedAtMs: 1_000,
  cpuNanoseconds: 2_500_000_000,
  memory: {
    ...{ totalBytes: 1000, availableBytes: 400, workingSetBytes: 600 },
    ...{ usedBytes: 800, swapUsedBytes: 20, swapFreeBytes: 80 },
  },
  network: [{ name: 'eth0', rxBytes: 1, rxErrors: 2, txBytes: 3, txErrors: 4 }],
  pids: { max: 32768, running: 100 },
  nodeFs: { capacityBytes: 10_000, availableBytes: 6_000, inodes: 100, inodesFree: 90 },
  imageFs: {
    ...{ capacityBytes: 20_000, availableBytes: 15_000, inodes: 200, inodesFree: 150 },
    imageBytes: 3_000,
  },
};

const memory = { usageBytes: 90, rssBytes: 30, pageFaults: 7, majorPageFaults: 1 };

export function podUsage(overrides: Partial<PodUsage> = {}): PodUsage {
  return {
    pod: { metadata: { name: 'web', namespace: 'shop', uid: 'uid-1' }, spec: { containers: [] } },
    ...{ sandboxId: 'sandbox', startedAtMs: 2_000 },
    cpu: { atMs: 4_000, nanoseconds: 1_500_000_000 },
    memory: { atMs: 4_000, workingSetBytes: 70, ...memory },
    swap: { atMs: 4_000, usedBytes: 6, limitBytes: undefined },
    network: [{ name: 'eth0', rxBytes: 11, rxErrors: 0, txBytes: 12, txErrors: 0 }],
    processes: 3,
    containers: [
      {
        container: makeContainer({
          id: 'c1',
          name: 'app',
          image: 'app:1',
          logPath: '/log/app/0.log',
        }),
        startedAtMs: 3_000,
        cpu: { atMs: 4_500, nanoseconds: 1_000_000_000 },
        memory: { atMs: 4_500, workingSetBytes: 60, ...memory },
        swap: { atMs: 4_500, usedBytes: 5, limitBytes: 8 },
        rootFsBytes: 500,
        rootFsInodes: 5,
      },
    ],
    ...overrides,
  };
}
