import { once } from 'node:events';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { runChecked } from '../../../hack/lab/command.ts';
import { asDesired, makePod } from './engine.ts';
import { endOf, shell, type VolumeScene } from './volume-scene.ts';

/** What the kubelet says that something is not, by the type that it was to be. */
const isNo: Record<string, string> = {
  Directory: 'directory',
  DirectoryOrCreate: 'directory',
  File: 'file',
  FileOrCreate: 'file',
  Socket: 'socket file',
  CharDevice: 'character device',
  BlockDevice: 'block device',
};

/** A hostPath of every type reaches a container as what it is, and stays when its pod goes. */
export async function hostPaths(t: Test, scene: VolumeScene): Promise<void> {
  const root = join(scene.device.dir, 'h');
  const at = (name: string): string => join(root, name);
  await mkdir(at('dir'), { recursive: true });
  await writeFile(at('file'), 'given');
  await runChecked('mknod', [at('char'), 'c', '1', '5']);
  await runChecked('mknod', [at('block'), 'b', '7', '0']);
  const server = createServer().listen(at('socket'));
  t.teardown(() => server.close());
  await once(server, 'listening');
  const types: [name: string, type: string, isA: string, target?: string][] = [
    ['dir', 'Directory', 'd'],
    ['file', 'File', 'f'],
    ['socket', 'Socket', 'S'],
    ['char', 'CharDevice', 'c'],
    ['block', 'BlockDevice', 'b'],
    ['made/dir', 'DirectoryOrCreate', 'd'],
    ['made/file', 'FileOrCreate', 'f'],
    ['dir', '', 'd'],
  ];
  const mounts = types.map((_, index) => ({ name: `v${index}`, mountPath: `/v${index}` }));
  const checks = types.map(([, , isA], index) => `[ -${isA} /v${index} ]`);
  const script = [...checks, 'echo x >/v0/left', 'cat /v1 >/dev/termination-log'].join(' && ');
  const pod = makePod('host-paths', {
    restartPolicy: 'Never',
    containers: [shell('main', script, mounts)],
    volumes: types.map(([name, type], index) => ({
      name: `v${index}`,
      hostPath: { path: at(name), ...(type === '' ? {} : { type }) },
    })),
  });
  scene.engine.put(asDesired('Pod', pod));
  t.match(await endOf(scene, pod), { exitCode: 0, message: 'given' });
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
  t.ok((await stat(at('dir/left'))).isFile(), 'what it wrote stays');
  t.equal((await stat(at('made/dir'))).mode & 0o777, 0o755);
  t.equal((await stat(at('made/file'))).mode & 0o777, 0o644);
  await t.test('what is there is of another type', (t) => ofAnotherType(t, scene, at));
}

async function ofAnotherType(
  t: Test,
  scene: VolumeScene,
  at: (name: string) => string,
): Promise<void> {
  const pods = Object.entries(isNo).map(([type, words]) => {
    const path = at(words === 'directory' ? 'file' : words === 'block device' ? 'char' : 'dir');
    const pod = makePod(`no-${type.toLowerCase()}`, {
      containers: [shell('main', 'exec sleep 1000', [{ name: 'v', mountPath: '/v' }])],
      volumes: [{ name: 'v', hostPath: { path, type } }],
    });
    return { pod, problem: `hostPath type check failed: ${path} is not a ${words}` };
  });
  scene.engine.put(...pods.map(({ pod }) => asDesired('Pod', pod)));
  for (const { pod, problem } of pods) {
    const message = `MountVolume.SetUp failed for volume "v" : ${problem}`;
    await scene.untilEvent(pod, 'FailedMount', message);
    t.match(scene.engine.status(pod), { phase: 'Pending' }, problem);
  }
  for (const { pod } of pods) scene.engine.remove(pod);
}
