import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { FileKey } from '../../../src/edge-runner/join/device-key.ts';
import { IdentityDraft } from '../../../src/edge-runner/join/identity-dir.ts';
import { LinuxMounter } from '../../../src/edge-runner/volumes/linux-mounter.ts';
import { asDesired, Engine, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(120_000);
await ensurePackages(progress);
const lab = await createLab({ name: `wipe-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });
const stateDir = join(device.dir, 'towline');
const memoryDir = join(device.dir, 'memory');
const logDir = join(device.dir, 'pod-logs');

async function wipe(...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> {
  const places = ['--state-dir', stateDir, '--memory-dir', memoryDir, '--log-dir', logDir];
  return device.run(process.execPath, [
    ...['src/edge-runner/main.ts', 'wipe', ...places, '--containerd', device.socket],
    ...['--cgroup-root', device.cgroupRoot, ...args],
  ]);
}

async function makeIdentity(): Promise<void> {
  const draft = await IdentityDraft.begin(stateDir, { replace: true });
  const texts = { certificate: 'certificate', ca: 'ca', privateKey: FileKey.generate().pem };
  await draft.commit({ tenant: 'acme', site: 'd', addresses: ['wss://a.example'], ...texts });
}

const container = {
  ...{ name: 'main', image: busyboxImage, command: ['sleep', '1000'] },
  volumeMounts: [{ name: 'secret', mountPath: '/secret' }],
};
const secret = { metadata: { name: 'db', namespace: 'berlin' }, data: { password: 'c2VjcmV0' } };

/** A device as it is after some time: pods run, one is left of another site, a store was damaged. */
async function usedDevice(): Promise<Engine> {
  const volumes = [{ name: 'secret', secret: { secretName: 'db' } }];
  const pods = ['a', 'b'].map((name) => makePod(name, { containers: [container], volumes }));
  const engine = await Engine.start(device);
  engine.put(asDesired('Secret', secret), ...pods.map((pod) => asDesired('Pod', pod)));
  for (const pod of pods) {
    await engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  }
  await writeFile(join(stateDir, 'store.db.damaged-1'), 'damaged');
  return engine;
}

void t.test('wipe leaves nothing that came from the cluster', async (t) => {
  const engine = await usedDevice();
  await makeIdentity();
  t.match(await wipe(), { code: 1, stderr: /another runner uses .*store\.db: stop it first/ });
  t.equal((await engine.context.observer.list()).length, 2, 'a runner that runs keeps its pods');
  await engine.stop();

  const kept = await wipe('--keep-identity');
  t.match(kept, { code: 0, stdout: /^2 pods stopped and removed\n/, stderr: '' });
  t.equal((await device.ctr('-n', 'k8s.io', 'containers', 'ls', '-q')).trim(), '');
  t.notOk(existsSync(memoryDir), 'nothing in memory');
  t.same(await readdir(logDir).catch(() => []), [], 'no logs');
  const mounts = await new LinuxMounter().mountPoints();
  t.same(
    mounts.filter((point) => point.startsWith(stateDir) || point.startsWith(memoryDir)),
    [],
  );
  const names = await readdir(stateDir);
  t.equal(names.length, 3, 'the identity, the link to it, and that there was a store');
  t.ok(names.every((name) => name.startsWith('identity') || name === 'store.db.lost'));

  t.match(await wipe(), { code: 0, stdout: /^0 pods.*\n.*\n.*\nidentity removed\n/ });
  t.same(await readdir(stateDir), ['store.db.lost'], 'no image is open to the next site');
  t.match(await wipe(), { code: 0 }, 'a device without anything is wiped as well');
});

void t.test('wipe says what is wrong in one line', async (t) => {
  t.match(await wipe('--containerd', '/nowhere.sock'), {
    code: 1,
    stderr: /^towline-runner wipe: there is no containerd at \/nowhere\.sock/,
  });
  t.match(await wipe('--everything'), { code: 1, stderr: /see towline-runner wipe --help/ });
});
