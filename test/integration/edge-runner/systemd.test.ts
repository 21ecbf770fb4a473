import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { createLab } from '../../../hack/lab/lab.ts';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { chosenRunner } from '../../../hack/lab/runner-program.ts';
import { bootSystemd } from '../../../hack/lab/systemd-system.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { CutOffSite, isReady } from './cut-off-site.ts';
import { asDesired, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

const unit = 'towline-runner.service';
const unitPath = `/etc/systemd/system/${unit}`;

t.setTimeout(300_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `systemd-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });
const site = await CutOffSite.create(device);
const pod = makePod('lasting', {
  containers: [{ name: 'main', image: busyboxImage, command: ['sleep', '100000'] }],
});
site.seed(asDesired('Pod', pod));
const system = await bootSystemd(device, progress);
t.teardown(() => system.stop());

const { command, args } = chosenRunner();
const runFlags = [
  ...['--state-dir', site.stateDir, '--memory-dir', site.memoryDir],
  ...['--containerd', device.socket, '--log-dir', join(device.dir, 'pod-logs')],
  ...['--cgroup-root', device.cgroupRoot],
];

async function checked(program: string, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await system.run(program, words);
  if (code !== 0) throw new Error(`${program} ${words.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** A property of the unit, as systemd has it. */
async function shown(property: string): Promise<string> {
  return (await checked('systemctl', ['show', '--value', '-p', property, unit])).trim();
}

async function untilShown(property: string, value: string): Promise<void> {
  await waitFor(async () => (await shown(property)) === value, {
    ...{ what: `${property} to be ${value}`, timeoutMs: 60_000, intervalMs: 200 },
  });
}

/** The pods of the runner, once all are Ready. */
async function readyPods(): Promise<Pod[]> {
  return waitFor(
    async () => {
      const words = [...args, 'pods', '--memory-dir', site.memoryDir, '-o', 'json'];
      const { code, stdout } = await system.run(command, words);
      const { items = [] } = code === 0 ? (JSON.parse(stdout) as { items?: Pod[] }) : {};
      return items.length > 0 && items.every(isReady) && items;
    },
    { what: 'the pod to be Ready', timeoutMs: 60_000, intervalMs: 200 },
  );
}

/** Ids of its containers, which containerd itself says to run. */
async function running(): Promise<string> {
  const tasks = await device.ctr('tasks', 'ls');
  return tasks
    .split('\n')
    .filter((line) => line.includes('RUNNING'))
    .sort()
    .join('\n');
}

let before = '';

await t.test('install makes a service that systemd accepts, and starts it', async (t) => {
  const said = await system.run(command, [...args, 'install', '--', ...runFlags], 120_000);
  t.equal(said.code, 0, `${said.stdout}${said.stderr}`);
  t.match(said.stdout, /started the runner/);
  const { code, stdout, stderr } = await system.run('systemd-analyze', ['verify', unitPath]);
  t.equal(code, 0);
  t.notMatch(`${stdout}${stderr}`, unit, 'no word about it');
  t.equal(await shown('ActiveState'), 'active');
  t.match(await shown('StatusText'), /^site acme\/berlin, /);
  await readyPods();
  before = await running();
  t.match(before, /RUNNING/);
});

await t.test('the process has what the unit says, and lacks what it forbids', async (t) => {
  const pid = await shown('MainPID');
  const status = await checked('cat', [`/proc/${pid}/status`]);
  t.match(status, /^NoNewPrivs:\s+1$/m);
  t.match(status, /^Seccomp:\s+2$/m);
  const bounding = BigInt(`0x${/^CapBnd:\s+(\w+)$/m.exec(status)?.[1] ?? '0'}`);
  const sysModule = 16n;
  const sysAdmin = 21n;
  t.equal((bounding >> sysModule) & 1n, 0n, 'CAP_SYS_MODULE');
  t.equal((bounding >> sysAdmin) & 1n, 1n, 'CAP_SYS_ADMIN');
  t.equal(await shown('MemoryMax'), String(256 * 1024 * 1024));
  const cgroup = await shown('ControlGroup');
  const limit = await readFile(await limitFile(cgroup), 'utf8');
  t.equal(limit.trim(), String(256 * 1024 * 1024));
});

/** Where the kernel has a cgroup's memory limit, in version 1 or 2. */
async function limitFile(cgroup: string): Promise<string> {
  const root = '/sys/fs/cgroup';
  const isV1 = (await readdir(root)).includes('memory');
  return isV1
    ? join(root, 'memory', cgroup, 'memory.limit_in_bytes')
    : join(root, cgroup, 'memory.max');
}

await t.test('pods outlive the service, and it takes them up again', async (t) => {
  await checked('systemctl', ['stop', unit]);
  t.equal(await shown('ActiveState'), 'inactive');
  t.equal(await running(), before);
  await checked('systemctl', ['start', unit]);
  await readyPods();
  t.equal(await running(), before);
});

await t.test('a runner that is killed comes back', async (t) => {
  await checked('systemctl', ['kill', '--signal=SIGKILL', '--kill-who=main', unit]);
  await untilShown('NRestarts', '1');
  await untilShown('ActiveState', 'active');
  await readyPods();
  t.equal(await running(), before);
});

await t.test('one that hangs is found by the watchdog, and comes back', async (t) => {
  t.equal(await shown('WatchdogUSec'), '3min');
  const impatient = '[Service]\nWatchdogSec=4s\nTimeoutAbortSec=2s\n';
  const folder = `/run/systemd/system/${unit}.d`;
  await checked('sh', [
    '-c',
    `mkdir -p ${folder} && printf '%s' '${impatient}' > ${folder}/w.conf`,
  ]);
  await checked('systemctl', ['daemon-reload']);
  await checked('systemctl', ['restart', unit]);
  await readyPods();
  const pid = await shown('MainPID');
  const heardAt = await shown('WatchdogTimestampMonotonic');
  await waitFor(async () => (await shown('WatchdogTimestampMonotonic')) !== heardAt, {
    ...{ what: 'a word to the watchdog', timeoutMs: 60_000, intervalMs: 200 },
  });
  t.equal(await shown('MainPID'), pid, 'a healthy one is left alone');
  await checked('kill', ['-STOP', pid]);
  await waitFor(async () => !['0', pid].includes(await shown('MainPID')), {
    ...{ what: 'another runner', timeoutMs: 60_000, intervalMs: 200 },
  });
  await untilShown('ActiveState', 'active');
  await readyPods();
  t.equal(await running(), before);
});

await t.test('uninstall ends the service and the pods, and leaves no unit', async (t) => {
  const said = await system.run(command, [...args, 'uninstall', '--force', '--', ...runFlags]);
  t.equal(said.code, 0, `${said.stdout}${said.stderr}`);
  t.equal(await shown('LoadState'), 'not-found');
  t.equal((await system.run('test', ['-e', unitPath])).code, 1);
  t.equal(await running(), '');
});
