import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { CutOffSite, isReady } from './cut-off-site.ts';
import { asDesired, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(240_000);
await ensurePackages(progress);
await ensurePackages(progress, [{ paths: ['faketime'], debianPackage: 'faketime' }]);
await sweepLabs({ progress });
const lab = await createLab({ name: `cutoff-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });
const story = join(device.dir, 'story');
await mkdir(story);

const tokenVolume = {
  name: 'token',
  projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }] },
};

/** Writes down its starts and its end, and lasts. */
function worker(name: string, spec: Partial<Pod['spec']> = {}): Pod {
  const volumes = [{ name: 'story', hostPath: { path: story } }, ...(spec.volumes ?? [])];
  const volumeMounts = volumes.map((volume) => ({
    name: volume.name,
    mountPath: `/mnt/${volume.name}`,
  }));
  const write = (what: string): string => `echo ${what} ${name} >> /mnt/story/all`;
  const container = (word: string, script: string): Pod['spec']['containers'][number] => ({
    ...{ name: word, image: busyboxImage, volumeMounts },
    command: ['sh', '-c', `${write(word)}; ${script}`],
  });
  const lasting = `trap '${write('end')}; exit 0' TERM; sleep 100000 & wait`;
  return makePod(name, {
    terminationGracePeriodSeconds: 20,
    containers: [container('main', lasting)],
    ...spec,
    ...(spec.initContainers === undefined ? {} : { initContainers: [container('init', 'true')] }),
    volumes,
  });
}

async function written(): Promise<string[]> {
  const text = await readFile(join(story, 'all'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

const clearStory = (): Promise<void> => writeFile(join(story, 'all'), '');

const conf = { metadata: { name: 'conf', namespace: 'berlin' }, data: { color: 'green' } };
const rich = worker('rich', {
  initContainers: [],
  volumes: [
    tokenVolume,
    { name: 'conf', configMap: { name: 'conf' } },
    { name: 'memory', emptyDir: { medium: 'Memory' } },
  ],
});
const critical = worker('dns', { priority: 2_000_000_000 });
const others = Array.from({ length: 8 }, (_, n) => worker(`web-${n}`, { priority: n * 100 }));
const site = await CutOffSite.create(device);
site.seed(...[rich, critical, ...others].map((pod) => asDesired('Pod', pod)));
site.seed(asDesired('ConfigMap', conf));
site.seedToken(rich, { path: 'token', expirationSeconds: 3600 }, 'old-token');

const ids = (pods: readonly Pod[]): string[] =>
  pods.map(({ status }) => status?.containerStatuses?.[0]?.containerID ?? '').sort();
const allReady = (pods: readonly Pod[]): boolean => pods.length === 10 && pods.every(isReady);

/** Token and ConfigMap as a container sees them, one after the other. */
const mounted = async (): Promise<string> => {
  const files = ['/mnt/token/token', '/mnt/conf/color'];
  return (await site.cli(['exec', 'rich', '--', 'cat', ...files])).stdout;
};

void t.test('a device whose cloud was never seen starts all pods of its store', async (t) => {
  await site.start();
  const pods = await site.until('ten pods to be ready', allReady);
  t.equal(new Set(ids(pods)).size, 10, 'ten pods are ready');
  t.equal(
    await mounted(),
    'old-tokengreen',
    'with their ConfigMap and the last token, though it has expired',
  );
});

void t.test('SIGTERM leaves the pods up, and the next runner takes them over', async (t) => {
  const before = ids(await site.pods());
  await site.stop();
  t.equal((await device.ctr('tasks', 'ls')).match(/RUNNING/g)?.length, 20, 'pods and sandboxes');
  const left = join(device.dir, 'pod-logs', `berlin_gone_${randomUUID()}`);
  await mkdir(left);
  await site.start();
  const after = ids(await site.until('ten pods to be ready', allReady));
  t.same(after, before, 'the next runner has the same ten containers');
  // Less than the minute between two looks.
  await waitFor(() => !existsSync(left), { what: 'logs of no pod to go', timeoutMs: 30_000 });
  t.pass('logs of a pod that is gone are removed');
});

void t.test('after a reboot all start again, init containers and volumes too', async (t) => {
  await clearStory();
  t.comment('all containers and processes are gone, the store is left; the runner starts');
  await device.reboot();
  const startedAtMs = performance.now();
  await site.start();
  const pods = await site.until('ten pods to be ready', allReady);
  const tookMs = Math.round(performance.now() - startedAtMs);
  t.comment(`ten pods are ready ${tookMs} ms after the start`);
  // Two cores that do nothing else keep to it; what else runs on them takes its part.
  const share = Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
  t.ok(
    tookMs < 5_000 * share,
    `within 5 s of a machine's own, a load of ${share.toFixed(1)} a core`,
  );
  const begun = (await written()).filter((line) => line.startsWith('main '));
  t.comment(`in this order: ${begun.join(', ')}`);
  const place = (name: string): number => begun.indexOf(`main ${name}`);
  for (const last of ['web-0', 'rich']) {
    t.ok(place('dns') < place(last), `what matters most is up before ${last}`);
  }
  for (const { metadata, status } of pods) {
    t.match(
      status?.containerStatuses,
      [{ restartCount: 1 }],
      `${metadata.name} counts one restart`,
    );
  }
  const lines = (await written()).sort();
  const due = [
    'init rich',
    ...[rich, critical, ...others].map(({ metadata }) => `main ${metadata.name}`),
  ];
  t.same(lines, due.sort(), 'each began once, the init container too');
  t.equal(await mounted(), 'old-tokengreen', 'the ConfigMap and the last token are mounted');
  t.match(
    (await site.cli(['exec', 'rich', '--', 'mount'])).stdout,
    /tmpfs on \/mnt\/memory type tmpfs/,
    'and the volume in memory',
  );
});

void t.test(
  'with --drain pods end with the runner, critical ones last, and start again',
  async (t) => {
    await site.stop();
    await site.start('--drain', '--shutdown-grace-period', '40s');
    await site.until('ten pods to be ready', allReady);
    await clearStory();
    await site.stop();
    const lines = await written();
    t.equal(lines.length, 10, 'ten containers wrote down their end');
    t.ok(
      lines.every((line) => line.startsWith('end ')),
      'each ended by itself',
    );
    t.equal(lines.at(-1), 'end dns', 'the critical one was the last');
    t.notMatch(await device.ctr('tasks', 'ls'), /RUNNING/, 'nothing runs any more');
    await site.start();
    const pods = await site.until('ten pods to be ready', allReady);
    for (const { metadata, status } of pods) {
      t.match(
        status?.containerStatuses,
        [{ restartCount: 2 }],
        `${metadata.name} counts two restarts`,
      );
    }
  },
);

void t.test('a pod that does not end is killed when the time is over', async (t) => {
  await site.stop();
  const stubborn = makePod('stubborn', {
    terminationGracePeriodSeconds: 600,
    containers: [{ name: 'main', image: busyboxImage, command: ['sleep', '100000'] }],
  });
  site.seed(asDesired('Pod', stubborn));
  await site.start(
    ...['--drain', '--shutdown-grace-period', '5s'],
    ...['--shutdown-grace-period-critical-pods', '1s'],
  );
  await site.until('eleven pods to be ready', (pods) => pods.length === 11 && pods.every(isReady));
  const startedAtMs = performance.now();
  await site.stop();
  const tookMs = Math.round(performance.now() - startedAtMs);
  t.ok(tookMs < 30_000, `the runner, which had 6 s for its pods, ended after ${tookMs} ms`);
  await waitFor(async () => !(await device.ctr('tasks', 'ls')).includes('RUNNING'), {
    what: 'nothing to run any more',
    timeoutMs: 20_000,
  });
  t.pass('nothing runs any more, also of the pod that wanted ten minutes');
  site.unseed(stubborn);
});

void t.test('a clock that jumps by a year, either way, stops nothing', async (t) => {
  await site.stop();
  const clock = join(device.dir, 'clock');
  await writeFile(clock, '+0d');
  await site.startBy([
    ...['env', 'LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1', 'FAKETIME_NO_CACHE=1'],
    ...['FAKETIME_DONT_FAKE_MONOTONIC=1', `FAKETIME_TIMESTAMP_FILE=${clock}`],
  ]);
  const victimOf = (pods: readonly Pod[]): string =>
    ids(pods.filter(({ metadata }) => metadata.name === 'web-1')).join();
  let before = await site.until('ten pods to be ready', allReady);
  // The second time the container waits for its back-off, which began in another year.
  for (const [offset, leastMs] of [
    ['+365d', 0],
    ['-365d', 8_000],
  ] as const) {
    await writeFile(clock, offset);
    t.comment(`the clock is set to ${offset}; then the container of web-1 is killed`);
    t.match((await site.cli(['status'])).stdout, /Cloud: +not connected/, 'the runner answers');
    const victim = victimOf(before);
    const others = ids(before).filter((id) => id !== victim);
    await device.ctr('tasks', 'kill', '-s', 'SIGKILL', victim.split('//')[1] ?? '');
    const killedAtMs = performance.now();
    const isAnother = (found: readonly Pod[]): boolean =>
      allReady(found) && !ids(found).includes(victim);
    const pods = await site.until('the killed container to be another', isAnother, 60_000);
    const tookMs = Math.round(performance.now() - killedAtMs);
    t.ok(tookMs >= leastMs, `${offset}: it is restarted after ${tookMs} ms, not before ${leastMs}`);
    t.same(
      ids(pods).filter((id) => others.includes(id)),
      others,
      'and nothing else is',
    );
    before = pods;
  }
});

void t.test(
  'a store that is damaged is set aside, and nothing ends or starts for it',
  async (t) => {
    const before = ids(await site.pods());
    await site.stop();
    const database = new DatabaseSync(join(site.stateDir, 'store.db'));
    database.exec("UPDATE object SET body = CAST(substr(body, 1, 40) || 'x' AS BLOB)");
    database.close();
    await site.start();
    const { pid } = site.runner;
    await site.until('the runner to answer', () => true);
    const running = (await device.ctr('tasks', 'ls')).match(/RUNNING/g)?.length;
    t.equal(running, 20, 'ten containers and ten sandboxes run on');
    t.match(await readdir(site.stateDir), /store\.db\.damaged-1/, 'the damaged file is kept');
    await site.stop();
    t.equal(site.runner.pid, pid, 'one start was enough');
    site.seed(...[rich, critical, ...others].map((pod) => asDesired('Pod', pod)));
    site.seed(asDesired('ConfigMap', conf));
    await site.start();
    t.same(
      ids(await site.until('ten pods to be ready', allReady)),
      before,
      'once the cloud has told all again, the same ten containers are there',
    );
  },
);

void t.test('a container restarts by the token that its pod has mounted', async (t) => {
  const of = (pods: readonly Pod[]): string =>
    ids(pods.filter(({ metadata }) => metadata.name === 'rich')).join();
  const before = of(await site.pods());
  await device.ctr('tasks', 'kill', '-s', 'SIGKILL', before.split('//')[1] ?? '');
  await site.until('the killed container to be another', (pods) => {
    return allReady(pods) && of(pods) !== before;
  });
  const { stdout } = await site.cli(['exec', 'rich', '--', 'cat', '/mnt/token/token']);
  t.equal(stdout, 'old-token', 'the damaged store had it, and the cloud gave no other');
});

const cgroupV1 = {
  root: '/sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  kills: 'memory.oom_control',
  peak: 'memory.max_usage_in_bytes',
};
const cgroupV2 = {
  root: '/sys/fs/cgroup',
  limit: 'memory.max',
  kills: 'memory.events',
  peak: 'memory.peak',
};

void t.test('ten pods run by a runner that has 64 MB', async (t) => {
  await site.stop();
  const { root, limit, kills, peak } = existsSync('/sys/fs/cgroup/memory') ? cgroupV1 : cgroupV2;
  const group = join(root, device.cgroupRoot, '..', `runner-${process.pid}`);
  await mkdir(group, { recursive: true });
  await writeFile(join(group, limit), '64M');
  await site.startBy(['sh', '-c', `echo $$ > ${group}/cgroup.procs; exec "$0" "$@"`]);
  const { pid } = site.runner;
  const pods = await site.until('ten pods to be ready', allReady, 120_000);
  const [victim = ''] = ids(pods.filter(({ metadata }) => metadata.name === 'web-0'));
  await device.ctr('tasks', 'kill', '-s', 'SIGKILL', victim.split('//')[1] ?? '');
  await site.until('the killed container to be another', (found) => {
    return allReady(found) && !ids(found).includes(victim);
  });
  t.match(
    (await site.cli(['status'])).stdout,
    /Pods: +10,/,
    'a killed container was started again',
  );
  const count = await readFile(join(group, kills), 'utf8');
  t.match(count, /oom_kill 0/, 'nothing was killed for want of memory');
  const bytes = Number(await readFile(join(group, peak), 'utf8'));
  t.comment(`at most ${Math.round(bytes / 1024 / 1024)} MiB of 64, file pages included`);
  t.equal(site.runner.pid, pid, 'the runner is the same process');
  await site.stop();
  await rmdir(group);
});

void t.test('a device that has moved to another tenant keeps nothing of the first', async (t) => {
  await site.stop();
  await site.join('other');
  const own = makePod('own', {
    containers: [{ name: 'main', image: busyboxImage, command: ['sleep', '100000'] }],
    terminationGracePeriodSeconds: 0,
  });
  site.seed(asDesired('Pod', own));
  await site.start();
  await site.until('only the new tenant’s pod to be there', (pods) => {
    return pods.length === 1 && pods.every(isReady) && pods[0]?.metadata.name === 'own';
  });
  const left = (await device.ctr('containers', 'ls', '-q')).trim().split('\n');
  t.equal(left.length, 2, 'its container and its sandbox are all there are');
  const folders = await readdir(join(site.stateDir, 'pods'));
  t.same(folders, [own.metadata.uid], 'and its folder is the only one');
});
