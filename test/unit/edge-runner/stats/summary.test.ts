import t from 'tap';
import { CpuRates } from '../../../../src/edge-runner/stats/cpu-rates.ts';
import { statsSummary, type PodDisk } from '../../../../src/edge-runner/stats/summary.ts';
import { nodeUsage, podUsage } from './make-usage.ts';

const usage = { node: nodeUsage, pods: [podUsage()], failures: 0 };
const disk: PodDisk = {
  volumes: [
    { ...{ volume: { name: 'disk' }, path: '/d', inMemory: false }, bytes: 40, inodes: 4 },
    { ...{ volume: { name: 'mem' }, path: '/m', inMemory: true }, bytes: 1000, inodes: 1 },
  ],
  logs: new Map([['app', { bytes: 60, inodes: 2 }]]),
};

void t.test('the summary has a kubelet’s fields', (t) => {
  const disks = new Map([['uid-1', disk]]);
  const summary = statsSummary({ usage, nodeName: 'n', disks, rates: new CpuRates() });
  t.match(summary, {
    node: {
      nodeName: 'n',
      startTime: '1970-01-01T00:00:01Z',
      cpu: { time: '1970-01-01T00:00:05Z', usageCoreNanoSeconds: 2_500_000_000 },
      memory: { availableBytes: 400, workingSetBytes: 600, usageBytes: 800 },
      network: { name: 'eth0', rxBytes: 1, interfaces: [{ name: 'eth0' }] },
      fs: { capacityBytes: 10_000, availableBytes: 6_000, usedBytes: 4_000, inodesUsed: 10 },
      runtime: { imageFs: { capacityBytes: 20_000, usedBytes: 3_000 } },
      rlimit: { maxpid: 32768, curproc: 100 },
    },
    pods: [
      {
        podRef: { name: 'web', namespace: 'shop', uid: 'uid-1' },
        containers: [
          {
            name: 'app',
            cpu: { usageCoreNanoSeconds: 1_000_000_000 },
            memory: { workingSetBytes: 60, rssBytes: 30, pageFaults: 7 },
            rootfs: { usedBytes: 500, availableBytes: 15_000 },
            logs: { usedBytes: 60 },
          },
        ],
        volume: [{ name: 'disk', usedBytes: 40 }, { name: 'mem' }],
        'ephemeral-storage': { usedBytes: 600, inodesUsed: 11 },
        network: { rxBytes: 11 },
        process_stats: { process_count: 3 },
      },
    ],
  });
  t.end();
});

void t.test('CPU and memory alone, when that is asked for', (t) => {
  const summary = statsSummary({
    ...{ usage, nodeName: 'n', disks: undefined, rates: new CpuRates() },
  });
  const text = JSON.stringify(summary);
  for (const word of ['volume', 'rootfs', 'network', '"fs"']) t.notMatch(text, word);
  t.match(text, 'workingSetBytes');
  t.end();
});

void t.test('a rate needs an earlier sample, neither too near nor too old', (t) => {
  const rates = new CpuRates();
  const ask = (atMs: number, nanoseconds: number): number | undefined => {
    rates.begin();
    return rates.usageNanoCores('c', { atMs, nanoseconds });
  };
  t.equal(ask(10_000, 0), undefined);
  t.equal(ask(10_500, 1e9), undefined, 'too near; the first stays');
  t.equal(ask(12_000, 1e9), 500_000_000);
  t.equal(ask(999_000, 2e9), undefined, 'too old');
  t.equal(ask(1_001_000, 1e9), 0, 'a counter that began anew is no negative rate');
  rates.begin();
  t.equal(ask(1_003_000, 2e9), undefined, 'what was not asked for in a round is forgotten');
  t.end();
});
