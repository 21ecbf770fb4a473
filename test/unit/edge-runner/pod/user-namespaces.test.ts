import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { RuntimeHandler } from '../../../../src/edge-runner/cri/runtime-messages.ts';
import { HostError } from '../../../../src/edge-runner/host/host-error.ts';
import type { IdPool } from '../../../../src/edge-runner/host/subordinate-ids.ts';
import { UserNamespaces } from '../../../../src/edge-runner/pod/user-namespaces.ts';
import { IdRangeFiles } from '../../../../src/edge-runner/volumes/id-range-files.ts';
import type { Pod, PodSpec } from '../../../../src/kube/api.ts';

const features = { recursiveReadOnlyMounts: true, userNamespaces: true };
const able: RuntimeHandler[] = [
  { name: '', features },
  { name: 'old', features: { ...features, userNamespaces: false } },
];
const three: IdPool = { firstId: 65_536, count: 3 * 65_536 };

function podOf(uid: string, spec: Partial<PodSpec> = { hostUsers: false }): Pod {
  return { metadata: { name: uid, namespace: 'berlin', uid }, spec: { containers: [], ...spec } };
}

/** What a runner has of the folder's pods; every one begins to look at the same place. */
function runner(
  rootDir: string,
  more: Partial<ConstructorParameters<typeof UserNamespaces>[0]> = {},
): { namespaces: UserNamespaces; firstOf: (uid: string, handler?: string) => Promise<number> } {
  const namespaces = new UserNamespaces({
    files: new IdRangeFiles({ rootDir }),
    ...{ pool: () => Promise.resolve(three), handlers: () => able, pick: () => 1, ...more },
  });
  const firstOf = async (uid: string, handler = ''): Promise<number> =>
    (await namespaces.of(podOf(uid), handler))?.uids?.[0]?.hostId ?? NaN;
  return { namespaces, firstOf };
}

void t.test(
  'a pod has the device’s users unless it says otherwise, and costs nothing',
  async (t) => {
    const rootDir = t.testdir();
    const pool = (): never => t.fail('the pool was read') as never;
    const { namespaces } = runner(rootDir, { pool, handlers: () => [] });
    t.equal(await namespaces.of(podOf('a', { hostUsers: true }), ''), undefined);
    t.equal(await namespaces.of(podOf('a', {}), 'unknown'), undefined);
  },
);

void t.test('folders that can be no pod’s keep no pod from its ids', async (t) => {
  const rootDir = t.testdir({ pods: { 'lost+found': {}, '.snapshot': {} } });
  t.equal(await runner(rootDir).firstOf('a'), 131_072);
});

void t.test('each pod has ids of its own, users and groups alike', async (t) => {
  const { namespaces, firstOf } = runner(t.testdir());
  const mapping = [{ hostId: 131_072, containerId: 0, length: 65_536 }];
  t.strictSame(await namespaces.of(podOf('a'), ''), { mode: 'POD', uids: mapping, gids: mapping });
  t.same(await Promise.all([firstOf('b'), firstOf('c')]), [196_608, 65_536], 'also at once');
  t.equal(await firstOf('a'), 131_072, 'and the same when it asks again');
  await t.rejects(firstOf('d'), {
    code: 'USER_NAMESPACE_UNAVAILABLE',
    message: 'create user namespace: could not find an empty slot to allocate a user namespace',
  });
});

void t.test('ids are kept by the pod’s folder, and free when that is gone', async (t) => {
  const rootDir = t.testdir();
  const before = runner(rootDir);
  await before.firstOf('a');
  await before.firstOf('b');
  const kept = JSON.parse(await readFile(join(rootDir, 'pods/a/userns'), 'utf8')) as object;
  const mappings = [{ hostId: 131_072, containerId: 0, length: 65_536 }];
  t.strictSame(kept, { uidMappings: mappings, gidMappings: mappings });

  const after = runner(rootDir);
  t.equal(await after.firstOf('c'), 65_536, 'another runner gives nobody’s ids away');
  t.equal(await after.firstOf('a'), 131_072);
  await rm(join(rootDir, 'pods/a'), { recursive: true });
  t.equal(await after.firstOf('d'), 131_072);
});

void t.test('a pod keeps its ids where others are kept for the runner now', async (t) => {
  const rootDir = t.testdir();
  await runner(rootDir).firstOf('a');
  const moved = { firstId: 10 * 65_536, count: 3 * 65_536 };
  const { firstOf } = runner(rootDir, { pool: () => Promise.resolve(moved) });
  t.equal(await firstOf('a'), 131_072);
  t.equal(await firstOf('b'), 11 * 65_536);
});

void t.test('a file that says something else is not guessed at', async (t) => {
  const good = { hostId: 65_536, containerId: 0, length: 65_536 };
  const both = (mapping: object): object => ({ uidMappings: [mapping], gidMappings: [mapping] });
  for (const [what, content] of Object.entries({
    'half written': '{"uidMappings":[',
    'no root': JSON.stringify(both({ ...good, containerId: 1 })),
    'the device’s root': JSON.stringify(both({ ...good, hostId: 0 })),
    'odd ids': JSON.stringify(both({ ...good, hostId: 65_537 })),
    'odd length': JSON.stringify(both({ ...good, length: 10 })),
    'two ranges': JSON.stringify({ uidMappings: [good, good], gidMappings: [good] }),
    'other groups': JSON.stringify({
      uidMappings: [good],
      gidMappings: [{ ...good, hostId: 131_072 }],
    }),
  })) {
    const rootDir = t.testdir();
    await mkdir(join(rootDir, 'pods/a'), { recursive: true });
    await writeFile(join(rootDir, 'pods/a/userns'), content);
    const { firstOf } = runner(rootDir);
    const message = 'invalid user namespace mappings file';
    await t.rejects(firstOf('a'), { message: new RegExp(`^user namespace: ${message}`) }, what);
    await t.rejects(firstOf('b'), { message: new RegExp(`^create user namespace: ${message}`) });
  }
});

void t.test('a runtime that can’t is named, in a kubelet’s words', async (t) => {
  const rootDir = t.testdir();
  const refusal = "can't set `spec.hostUsers: false`, ";
  const code = 'USER_NAMESPACE_UNAVAILABLE';
  await t.rejects(runner(rootDir, { handlers: () => [] }).firstOf('a'), {
    ...{ code, message: `${refusal}runtime does not support user namespaces` },
  });
  const { firstOf } = runner(rootDir);
  await t.rejects(firstOf('a', 'old'), {
    message: `${refusal}RuntimeClass handler "old" does not support user namespaces`,
  });
  await t.rejects(firstOf('a', 'new'), {
    message: `${refusal}RuntimeClass handler "new" does not support user namespaces: the handler "new" is not known`,
  });
  await t.rejects(readFile(join(rootDir, 'pods/a/userns')), { code: 'ENOENT' });
});

void t.test('ids that can’t be used are read again once they were mended', async (t) => {
  let isMended = false;
  let reads = 0;
  const { firstOf } = runner(t.testdir(), {
    pool: () => {
      reads += 1;
      const problem = new HostError('USER_NAMESPACE_UNAVAILABLE', 'no good');
      return isMended ? Promise.resolve(three) : Promise.reject(problem);
    },
  });
  await t.rejects(firstOf('a'), { message: 'create user namespace: no good' });
  isMended = true;
  t.equal(await firstOf('a'), 131_072);
  await firstOf('b');
  t.equal(reads, 2, 'and then never again');
});

void t.test('a disk that can’t be written gives no ids', async (t) => {
  const rootDir = t.testdir({ pods: { a: 'no folder' } });
  await t.rejects(runner(rootDir).firstOf('a'), { message: /^create user namespace: EEXIST/ });
});
