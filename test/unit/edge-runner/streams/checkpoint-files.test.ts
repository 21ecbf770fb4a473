import { readdir, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { trimCheckpoints } from '../../../../src/edge-runner/streams/checkpoint-files.ts';
import { maxCheckpointBytes, maxCheckpoints } from '../../../../src/edge-runner/streams/limits.ts';

/** Files of these sizes, without content, the newest first: `0`, `1`, and so on. */
async function folderOf(t: Test, sizes: readonly number[]): Promise<string> {
  const dir = t.testdir({});
  for (const [index, bytes] of sizes.entries()) {
    const path = join(dir, String(index));
    await writeFile(path, '');
    await truncate(path, bytes);
    await utimes(path, 1000 - index, 1000 - index);
  }
  return dir;
}

async function kept(t: Test, sizes: readonly number[]): Promise<string[]> {
  const dir = await folderOf(t, sizes);
  await trimCheckpoints(dir);
  return (await readdir(dir)).sort();
}

void t.test('the newest few are kept', async (t) => {
  const sizes = Array.from({ length: maxCheckpoints + 2 }, () => 10);
  t.same(
    await kept(t, sizes),
    Array.from({ length: maxCheckpoints }, (_, index) => String(index)),
  );
});

void t.test('they take no more than they may together', async (t) => {
  const half = maxCheckpointBytes / 2;
  t.same(await kept(t, [half, half, 1]), ['0', '1']);
  t.same(await kept(t, [maxCheckpointBytes + 1, 1]), ['0'], 'the newest is there for who made it');
});
