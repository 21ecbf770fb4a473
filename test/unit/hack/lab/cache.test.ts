import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { cached, cacheDir, findCached } from '../../../../hack/lab/cache.ts';
import { withFileLock } from '../../../../hack/lab/file-lock.ts';
import { silent } from '../../../../hack/lab/progress.ts';

const entry = { name: 'thing', version: '1:2+3~4' };

await t.test('the folder is asked for, or a convention', (t) => {
  t.equal(cacheDir({ TOWLINE_CACHE_DIR: '/a', XDG_CACHE_HOME: '/b' }), '/a');
  t.equal(cacheDir({ TOWLINE_CACHE_DIR: '', XDG_CACHE_HOME: '/b' }), '/b/towline');
  t.match(cacheDir({}), /^\/.*\/towline$/);
  t.end();
});

await t.test('an entry is built once, by one of those who want it at the same time', async (t) => {
  const dir = t.testdir({});
  let builds = 0;
  const build = async (target: string): Promise<void> => {
    builds += 1;
    await writeFile(join(target, 'file'), 'content');
  };
  const options = { dir, progress: silent };
  const paths = await Promise.all([1, 2, 3].map(() => cached(entry, build, options)));
  t.equal(new Set(paths).size, 1);
  t.equal(builds, 1);
  t.equal(await readFile(join(paths[0] ?? '', 'file'), 'utf8'), 'content');
  t.match(await findCached('thing', dir), [{ version: entry.version, dir: paths[0] }]);
  t.same(await findCached('other', dir), []);
});

await t.test('a damaged entry is built again', async (t) => {
  const dir = t.testdir({});
  const build = async (target: string): Promise<void> => {
    await writeFile(join(target, 'file'), 'content');
    await writeFile(join(target, 'other'), '');
  };
  const options = { dir, progress: silent };
  const damages: ((path: string) => Promise<void>)[] = [
    (path) => appendFile(join(path, 'file'), '.'),
    (path) => rm(join(path, 'other')),
    (path) => writeFile(join(path, 'stranger'), ''),
    (path) => writeFile(join(path, 'manifest.json'), '{"files":'),
  ];
  for (const damage of damages) {
    const path = await cached(entry, build, options);
    await damage(path);
    t.same(await findCached('thing', dir), [], 'it is seen');
    await cached(entry, build, options);
    t.equal(await readFile(join(path, 'file'), 'utf8'), 'content');
    t.same((await readdir(path)).toSorted(), ['file', 'manifest.json', 'other']);
  }
});

await t.test('a build that fails leaves nothing', async (t) => {
  const dir = t.testdir({});
  const build = async (target: string): Promise<void> => {
    await writeFile(join(target, 'half'), '');
    throw new TypeError('no more');
  };
  await t.rejects(cached(entry, build, { dir, progress: silent }), { message: 'no more' });
  const left = await readdir(dir);
  t.same(
    left.filter((name) => !name.includes('.lock')),
    [],
  );
});

await t.test('a lock is free once its holder was killed', async (t) => {
  const path = join(t.testdir({}), 'x.lock');
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { withFileLock } from ${JSON.stringify(new URL('../../../../hack/lab/file-lock.ts', import.meta.url).href)};
       await withFileLock(${JSON.stringify(path)}, { progress: () => {} }, () => {
         console.log('held');
         return new Promise((resolve) => setTimeout(resolve, 1e9));
       });`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(holder.stdout, 'data');

  const told: string[] = [];
  const progress = (line: string): void => {
    told.push(line);
    holder.kill('SIGKILL');
  };
  t.equal(await withFileLock(path, { progress }, () => Promise.resolve('mine')), 'mine');
  t.match(told, [`waiting for process ${holder.pid ?? 0}, which is making x`]);
  t.ok(existsSync(path));
});

await t.test('waiting for a lock ends with the signal', async (t) => {
  const path = join(t.testdir({}), 'x.lock');
  const stop = new AbortController();
  const progress = (): void => {
    stop.abort();
  };
  await withFileLock(path, { progress: silent }, async () => {
    await t.rejects(
      withFileLock(path, { progress, signal: stop.signal }, () => Promise.resolve()),
      { code: 'aborted' },
    );
  });
});
