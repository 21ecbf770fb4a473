import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { CutOffSite } from './cut-off-site.ts';
import type { PodStatus } from '../../../src/kube/api.ts';
import type { PodReport } from '../../../src/protocol/report.ts';
import { makePod } from './engine.ts';
import { SmallCloud } from './small-cloud.ts';
import type { TimerLine } from './timer-log.ts';

const progress = (line: string): void => {
  t.comment(line);
};

/** The last statuses and events have gone by then. */
const settledAfterMs = 10_000;
/** Several rounds of whatever is done every few seconds. */
const observedMs = 30_000;

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `idle-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });
const cloud = await SmallCloud.start(lab.hostAddress);
const site = await CutOffSite.create(device, 'berlin', (dir) => cloud.join('berlin', dir));
const timerLog = join(device.dir, 'timers.jsonl');
t.teardown(async () => {
  await site.stop();
  await cloud.close();
});

/** Pods that ask for no probe. */
const pods = ['one', 'two'].map((name) =>
  makePod(name, {
    ...{ nodeName: 'berlin.acme', enableServiceLinks: false },
    containers: [{ name: 'main', image: busyboxImage, command: ['sleep', '1000'] }],
  }),
);

async function timersSince(startedAtMs: number): Promise<TimerLine[]> {
  const lines = (await readFile(timerLog, 'utf8')).trim().split('\n');
  const timers = lines.map((line) => JSON.parse(line) as TimerLine);
  return timers.filter(({ atMs }) => atMs >= startedAtMs);
}

void t.test('a connected device with nothing to do sets no timer under a second', async (t) => {
  const hook = join(import.meta.dirname, 'timer-log.ts');
  await site.startBy(['env', `TIMER_LOG=${timerLog}`, `NODE_OPTIONS=--import=${hook}`]);
  for (const pod of pods) cloud.pods.set(pod);
  await waitFor(() => pods.every(({ metadata }) => isReady(cloud.statuses.get(metadata.name))), {
    ...{ what: 'the pods to be ready in the cloud', timeoutMs: 60_000 },
  });
  t.ok(
    (await timersSince(0)).some(({ delayMs }) => delayMs < 1000),
    'starting does set some',
  );
  await delay(settledAfterMs);
  const idleSinceMs = Date.now();
  await delay(observedMs);
  const timers = await timersSince(idleSinceMs);
  t.same(
    timers.filter(({ delayMs }) => delayMs < 1000),
    [],
  );
  t.comment(`${timers.length} longer ones in ${observedMs / 1000} s`);
});

function isReady(report: PodReport | undefined): boolean {
  const { conditions = [] } = (report?.status ?? {}) as Partial<PodStatus>;
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}
