import t from 'tap';
import {
  parseContainerdConfig,
  readCgroupDriver,
} from '../../../../src/edge-runner/cri/cgroup-driver.ts';
import { CriError } from '../../../../src/edge-runner/cri/cri-error.ts';

const unimplemented = new CriError('UNIMPLEMENTED', {
  method: 'RuntimeConfig',
  detail: '',
  socketPath: '',
  answered: true,
});

function configWith(driver: boolean): string {
  return JSON.stringify({
    containerd: {
      defaultRuntimeName: 'mine',
      runtimes: { mine: { options: { SystemdCgroup: driver } } },
    },
  });
}

void t.test('asks the runtime, or reads its config where it cannot be asked', async (t) => {
  const status = { status: undefined, runtimeHandlers: [], features: undefined };
  const asked = {
    runtimeConfig: () => Promise.resolve({ linux: { cgroupDriver: 'CGROUPFS' as const } }),
    status: () => Promise.reject(unimplemented),
  };
  const old = {
    runtimeConfig: () => Promise.reject(unimplemented),
    status: () => Promise.resolve({ ...status, info: { config: configWith(true) } }),
  };
  t.equal(await readCgroupDriver(asked), 'cgroupfs');
  t.equal(await readCgroupDriver(old), 'systemd');
});

void t.test('finds the default runtime in containerd’s config', (t) => {
  t.equal(parseContainerdConfig(configWith(true)), 'systemd');
  t.equal(parseContainerdConfig(configWith(false)), 'cgroupfs');
  t.equal(parseContainerdConfig('{"systemdCgroup":true}'), 'systemd');
  t.equal(parseContainerdConfig('not json'), undefined);
  t.end();
});
