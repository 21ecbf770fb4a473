import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { readCgroupFacts } from '../../../src/edge-runner/host/cgroups.ts';
import { runOnHost } from '../../../src/edge-runner/host/run-on-host.ts';
import { unitPath } from '../../../src/edge-runner/install/install.ts';
import { uninstall, type UninstallOptions } from '../../../src/edge-runner/install/uninstall.ts';
import {
  bandwidthLinkOf,
  bandwidthLinks,
} from '../../../src/edge-runner/network/bandwidth-links.ts';
import { cniConfigName } from '../../../src/edge-runner/network/cni-file.ts';
import { LinuxMounter } from '../../../src/edge-runner/volumes/linux-mounter.ts';
import { RecordedServices } from '../../unit/edge-runner/install/recorded-services.ts';
import { asDesired, Engine, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `uninstall-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });
const engine = await Engine.start(device);
const services = new RecordedServices();

/** The files of the system are the device's own; those of the runner lie where the engine has them. */
const options: UninstallOptions = {
  root: device.dir,
  isLive: true,
  force: false,
  services,
  run: {
    stateDir: '/towline',
    memoryDir: '/memory',
    logRoot: join(device.dir, 'pod-logs'),
    cgroupRoot: device.cgroupRoot,
    containerdSocket: device.socket,
  },
  say: progress,
};
const unit = unitPath(device.dir);

const pod = makePod('web', {
  volumes: [{ name: 'scratch', emptyDir: { medium: 'Memory' } }],
  containers: [
    {
      ...{ name: 'main', image: busyboxImage, command: ['sleep', '1000'] },
      volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
    },
  ],
});

async function mountsOfDevice(): Promise<string[]> {
  const points = await new LinuxMounter().mountPoints();
  const ours = ['towline', 'memory'].map((name) => join(device.dir, name));
  return points.filter((point) => ours.some((dir) => point.startsWith(dir)));
}

/** Cgroups of pods, in whichever tree. */
async function cgroupsOfDevice(): Promise<string[]> {
  const { mountPoints } = await readCgroupFacts();
  const folders = Object.values(mountPoints).map((mount) => join(mount, device.cgroupRoot));
  const names = await Promise.all(folders.map((folder) => readdir(folder).catch(() => [])));
  return names.flat().filter((name) => name === 'besteffort' || name === 'burstable');
}

void t.test('with pods that run it asks first, and changes nothing', async (t) => {
  await mkdir(dirname(unit), { recursive: true });
  await writeFile(unit, '');
  engine.put(asDesired('Pod', pod));
  await engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  await engine.stop();
  await t.rejects(uninstall(options), {
    code: 'PODS_RUNNING',
    message: /^1 pod runs here \(berlin\/web\): .*--force/,
  });
  t.same(services.take(), []);
  await stat(unit);
  t.not((await mountsOfDevice()).length, 0, 'volumes are still mounted');
  t.not((await cgroupsOfDevice()).length, 0, 'cgroups are still there');
});

void t.test('without containerd it says so, and changes nothing', async (t) => {
  const run = { ...options.run, containerdSocket: join(device.dir, 'none.sock') };
  await t.rejects(uninstall({ ...options, run }), {
    code: 'RUNTIME_UNAVAILABLE',
    message: /there is no containerd at .*--force leaves them there/,
  });
  t.same(services.take(), []);
});

void t.test('forced, it leaves nothing; and then finds nothing to do', async (t) => {
  const left = bandwidthLinkOf(device.dir);
  await runOnHost('ip', ['link', 'add', left, 'type', 'ifb']);
  t.teardown(() => runOnHost('ip', ['link', 'delete', left]).catch(() => ''));
  const network = join(device.dir, 'cni', cniConfigName);
  await writeFile(network, '{}');
  const images = (): Promise<string> => device.ctr('images', 'ls', '-q');
  t.match(await images(), busyboxImage);
  await uninstall({ ...options, force: true });
  t.same(services.take(), ['disable towline-runner.service', 'reload']);
  t.same(await device.ctr('containers', 'ls', '-q'), '');
  t.notMatch(await images(), busyboxImage);
  t.same(await mountsOfDevice(), []);
  t.same(await cgroupsOfDevice(), []);
  const { mountPoints } = await readCgroupFacts();
  for (const mount of Object.values(mountPoints)) {
    await t.rejects(stat(join(mount, device.cgroupRoot)), { code: 'ENOENT' }, mount);
  }
  await t.rejects(stat(network), { code: 'ENOENT' });
  t.same(await readdir(join(device.dir, 'pod-logs')), []);
  const names = await readdir(device.dir);
  t.notOk(names.includes('towline') || names.includes('memory'), names.join(' '));
  t.notOk((await bandwidthLinks(runOnHost)).includes(left), 'nor what bounds a pod');
  await t.rejects(stat(unit), { code: 'ENOENT' });
  await uninstall(options);
  t.same(services.take(), ['reload']);
});
