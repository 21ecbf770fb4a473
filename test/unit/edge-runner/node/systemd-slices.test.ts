import t from 'tap';
import { sliceProperties, SystemdSlices } from '../../../../src/edge-runner/node/systemd-slices.ts';
import { slicePath } from '../../../../src/edge-runner/pod/cgroup-parent.ts';

const resources = {
  ...{ cpuShares: 512, cpuQuota: 25_300, cpuPeriodUs: 100_000 },
  memoryLimitBytes: 1024,
};
const unlimited = { ...resources, cpuShares: 2, cpuQuota: 0, memoryLimitBytes: 0 };

void t.test('the properties of either version, a quota rounded up to what systemd takes', (t) => {
  t.same(sliceProperties(1, resources), [
    ...['CPUShares=512', 'CPUQuotaPeriodSec=100000us', 'CPUQuota=26%', 'MemoryLimit=1024'],
  ]);
  t.same(sliceProperties(2, resources), [
    ...['CPUWeight=20', 'CPUQuotaPeriodSec=100000us', 'CPUQuota=26%', 'MemoryMax=1024'],
  ]);
  t.same(sliceProperties(2, unlimited), [
    ...['CPUWeight=1', 'CPUQuotaPeriodSec=100000us', 'CPUQuota=', 'MemoryMax=infinity'],
  ]);
  t.end();
});

void t.test('a slice is set when something changes, and stopped with its settings', async (t) => {
  const commands: string[] = [];
  let cgroup = '1:name=systemd:/box/init.scope\n0::/other\n';
  const slices = new SystemdSlices((program, args) => {
    commands.push([program, ...args].join(' '));
    return Promise.resolve(cgroup);
  }, 2);
  await slices.set('a.slice', resources);
  await slices.set('a.slice', resources);
  t.match(commands, [/^systemctl set-property --runtime a\.slice CPUW/, 'systemctl start a.slice']);
  t.equal(commands.length, 2);
  commands.length = 0;
  t.same(await slices.stop(['a.slice', 'b-c.slice']), ['/box/a.slice', '/box/b.slice/b-c.slice']);
  t.same(commands, [
    'systemctl stop a.slice b-c.slice',
    'rm -rf /run/systemd/system.control/a.slice.d /run/systemd/system.control/b-c.slice.d',
    'cat /proc/1/cgroup',
  ]);
  cgroup = '0::/init.scope\n';
  const unified = new SystemdSlices(() => Promise.resolve(cgroup), 2);
  t.same(await unified.stop(['a.slice']), ['/a.slice']);
});

void t.test('what systemd refuses is told in its words', async (t) => {
  const slices = new SystemdSlices(() => Promise.reject(new Error('no bus\n')), 1);
  await t.rejects(slices.set('a.slice', resources), {
    code: 'CGROUP_UNWRITABLE',
    message: /a\.slice its resources: no bus$/,
  });
  await t.rejects(slices.stop(['a.slice']), { code: 'CGROUP_BUSY', message: /no bus/ });
});

void t.test('systemd is not waited for by who stops, and its cgroup not in vain', async (t) => {
  const stop = new AbortController();
  const waits = new SystemdSlices((_program, _args, { signal } = {}) => {
    const { promise, reject } = Promise.withResolvers<string>();
    signal?.addEventListener('abort', () => {
      reject(new Error('killed'));
    });
    return promise;
  }, 2);
  const set = waits.set('a.slice', resources, stop.signal);
  stop.abort(new RangeError('stopped'));
  await t.rejects(set, { name: 'RangeError', message: 'stopped' });
  const slices = new SystemdSlices(
    (program) => (program === 'cat' ? Promise.reject(new Error('stuck')) : Promise.resolve('')),
    2,
  );
  await t.rejects(slices.stop(['a.slice']), { code: 'CGROUP_BUSY', message: /stuck/ });
});

void t.test('dashes in the name of a slice are folders', (t) => {
  const path = '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx_y.slice';
  t.equal(slicePath('kubepods-burstable-podx_y.slice'), path);
  t.end();
});
