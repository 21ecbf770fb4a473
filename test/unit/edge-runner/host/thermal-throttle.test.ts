import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { thermalThrottlePaths } from '../../../../src/edge-runner/host/thermal-throttle.ts';

void t.test('only processors that have such counters', async (t) => {
  const root = t.testdir();
  const cpus = join(root, 'sys/devices/system/cpu');
  for (const name of ['cpu0', 'cpu12', 'cpufreq']) {
    const folder = join(cpus, name, 'thermal_throttle');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'core_throttle_count'), '0');
  }
  await mkdir(join(cpus, 'cpu1'));
  t.same(await thermalThrottlePaths({ root }), [
    '/sys/devices/system/cpu/cpu0/thermal_throttle',
    '/sys/devices/system/cpu/cpu12/thermal_throttle',
  ]);
  t.same(await thermalThrottlePaths({ root: join(root, 'nothing') }), []);
});
