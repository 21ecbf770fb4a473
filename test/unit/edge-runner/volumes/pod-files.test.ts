import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { PodFiles } from '../../../../src/edge-runner/volumes/pod-files.ts';
import { podWith } from './device.ts';

async function makeFiles(t: {
  teardown(clean: () => Promise<void>): void;
}): Promise<{ files: PodFiles; rootDir: string }> {
  const rootDir = await mkdtemp(join(tmpdir(), 'towline-files-'));
  t.teardown(() => rm(rootDir, { recursive: true }));
  return { files: new PodFiles({ rootDir }), rootDir };
}

void t.test('the hosts file stays the same file when its content changes', async (t) => {
  const { files, rootDir } = await makeFiles(t);
  const path = await files.writeHosts(podWith([]), 'one\n');
  t.equal(path, join(rootDir, 'pods/uid-1/etc-hosts'));
  const { ino, mode } = await stat(path);
  t.equal(mode & 0o777, 0o644);
  await files.writeHosts(podWith([]), 'two\n');
  t.equal(await readFile(path, 'utf8'), 'two\n');
  t.equal((await stat(path)).ino, ino);
});

void t.test('each run of a container has a termination log that anybody may write', async (t) => {
  const { files, rootDir } = await makeFiles(t);
  const first = await files.createTerminationLog(podWith([]), 'main');
  t.match(first, /\/pods\/uid-1\/containers\/main\/[0-9a-f]{8}$/);
  t.equal((await stat(first)).mode & 0o777, 0o666);
  t.equal((await stat(first)).size, 0);
  const paths = [first];
  for (let run = 0; run < 6; run++)
    paths.push(await files.createTerminationLog(podWith([]), 'main'));
  const kept = await readdir(join(rootDir, 'pods/uid-1/containers/main'));
  t.same(
    kept.map((name) => join(rootDir, 'pods/uid-1/containers/main', name)).sort(),
    paths.slice(-4).sort(),
  );
});

void t.test('a termination message is the end of its file', async (t) => {
  const { files, rootDir } = await makeFiles(t);
  const path = await files.createTerminationLog(podWith([]), 'main');
  t.equal(await files.readTerminationLog(path), '');
  await writeFile(path, 'out of coffee');
  t.equal(await files.readTerminationLog(path), 'out of coffee');
  await writeFile(path, `${'x'.repeat(10_000)}end`);
  const message = await files.readTerminationLog(path);
  t.equal(message.length, 4096);
  t.ok(message.endsWith('end'));
  t.equal(await files.readTerminationLog(join(rootDir, 'none')), '');
});

void t.test('names that could lead elsewhere are refused', async (t) => {
  const { files } = await makeFiles(t);
  await t.rejects(files.createTerminationLog(podWith([]), '../x'), { code: 'UNSAFE_NAME' });
  const pod = { ...podWith([]), metadata: { name: 'p', uid: '..' } };
  await t.rejects(files.writeHosts(pod, ''), { code: 'UNSAFE_NAME' });
});
