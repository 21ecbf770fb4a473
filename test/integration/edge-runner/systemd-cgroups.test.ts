import { readFile } from 'node:fs/promises';
import t from 'tap';
import { systemdRequirements } from '../../../hack/lab/device-systemd.ts';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages, labRequirements } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { cgroupFolders } from '../../../hack/lab/cgroups.ts';
import { slicePath } from '../../../src/edge-runner/pod/cgroup-parent.ts';
import type { Pod, PodStatus, ResourceRequirements } from '../../../src/kube/api.ts';
import { asDesired, Engine, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress, [...labRequirements, ...systemdRequirements]);
await sweepLabs({ progress });
const lab = await createLab({ name: `systemd-${process.pid}`, progress });
const device = await lab.startDevice({ name: 'd', systemd: true });
const engine = await Engine.start(device, { cgroupRoot: 'kubepods' });
t.teardown(async () => {
  await engine.stop();
  await lab.stop();
});

const isRunning = ({ phase }: PodStatus): boolean => phase === 'Running';

function podWith(name: string, resources: ResourceRequirements): Pod {
  const command = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'];
  return makePod(name, { containers: [{ name: 'main', image: busyboxImage, command, resources }] });
}

function pathOf(slice: string): string {
  return `${device.cgroupRoot}${slicePath(slice)}`;
}

function sliceOf(qos: string, { metadata: { uid = '' } }: Pod): string {
  return `kubepods-${qos}pod${uid.replaceAll('-', '_')}.slice`;
}

async function valueOf(slice: string, file: string): Promise<string> {
  const folders = await cgroupFolders(pathOf(slice));
  const found = await Promise.all(
    folders.map((folder) => readFile(`${folder}/${file}`, 'utf8').catch(() => '')),
  );
  return found.join('').trim();
}

void t.test(
  'a pod has a slice of systemd with its limits, and its containers are in it',
  async (t) => {
    const amounts = { cpu: '200m', memory: '32Mi' };
    const guaranteed = podWith('guaranteed', { requests: amounts, limits: amounts });
    const burstable = podWith('burstable', { requests: { cpu: '100m' } });
    const others = podWith('others', {});
    engine.put(...[guaranteed, burstable, others].map((pod) => asDesired('Pod', pod)));
    const pods = [
      [guaranteed, sliceOf('', guaranteed), '204', '20000', 32 * 1024 ** 2],
      [burstable, sliceOf('burstable-', burstable), '102', '-1', undefined],
      [others, sliceOf('besteffort-', others), '2', '-1', undefined],
    ] as const;
    for (const [pod, slice, shares, quota, memory] of pods) {
      await engine.until(pod, 'Running', isRunning);
      t.equal(await valueOf(slice, 'cpu.shares'), shares, slice);
      t.equal(await valueOf(slice, 'cpu.cfs_quota_us'), quota);
      const limit = Number(await valueOf(slice, 'memory.limit_in_bytes'));
      if (memory === undefined) t.ok(limit > 2 ** 60);
      else t.equal(limit, memory);
      const { stdout } = await device.run('systemctl', ['status', '--no-pager', slice]);
      t.match(stdout, /cri-containerd-[0-9a-f]+\.scope/, 'systemd knows the containers in it');
    }
    t.equal(await valueOf('kubepods-burstable.slice', 'cpu.shares'), '102');
    t.equal(await valueOf('kubepods-besteffort.slice', 'cpu.shares'), '2');
  },
);

void t.test('a resize reaches the slice, and nothing of it is left in the end', async (t) => {
  const before = { cpu: '100m', memory: '32Mi' };
  const pod = podWith('resized', { requests: before, limits: before });
  engine.put(asDesired('Pod', pod));
  await engine.until(pod, 'Running', isRunning);
  const slice = sliceOf('', pod);
  const after = { cpu: '300m', memory: '48Mi' };
  const resources = { requests: after, limits: after };
  const containers = pod.spec.containers.map((each) => ({ ...each, resources }));
  const changed: Pod = { ...pod, spec: { ...pod.spec, containers } };
  engine.put(asDesired('Pod', changed));
  await waitFor(async () => (await valueOf(slice, 'cpu.cfs_quota_us')) === '30000', {
    what: 'the slice to have its quota',
    timeoutMs: 20_000,
  });
  t.equal(Number(await valueOf(slice, 'memory.limit_in_bytes')), 48 * 1024 ** 2);
  engine.remove(pod);
  await waitFor(async () => (await cgroupFolders(pathOf(slice))).length === 0, {
    what: 'the slice to be gone',
    timeoutMs: 30_000,
    explain: () => slice,
  });
  const settings = await device.run('ls', ['/run/systemd/system.control']);
  t.notMatch(settings.stdout, slice);
});
