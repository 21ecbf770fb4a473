import { cp, open, readFile, symlink } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { compileRunner } from '../../hack/build-runner/compile-runner.ts';
import { run } from '../../hack/lab/command.ts';
import { sha256OfFile } from '../../hack/lab/cache.ts';

const root = join(import.meta.dirname, '../..');
const here = arch() === 'arm64' ? 'arm64' : 'x64';

/** Of an ELF header (elf(5)): `e_machine`. */
const machines = { x64: 0x3e, arm64: 0xb7 } as const;

t.setTimeout(300_000);

function build(from: string, into: string, target: keyof typeof machines): Promise<string> {
  const progress = (line: string): void => {
    t.comment(line);
  };
  return compileRunner({ target, root: from, into, progress, commit: 'abc' });
}

void t.test('the same source gives the same bytes, wherever it lies', async (t) => {
  const dir = t.testdir({ elsewhere: {} });
  const elsewhere = join(dir, 'elsewhere');
  for (const name of ['src', 'package.json', 'tsconfig.json']) {
    await cp(join(root, name), join(elsewhere, name), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(elsewhere, 'node_modules'));
  for (const target of ['x64', 'arm64'] as const) {
    const one = await build(root, join(dir, 'one'), target);
    const two = await build(elsewhere, join(dir, 'two'), target);
    t.equal(await sha256OfFile(one), await sha256OfFile(two), target);
    const head = Buffer.alloc(20);
    await using file = await open(one);
    await file.read(head, 0, head.length, 0);
    t.equal(head.readUInt16LE(18), machines[target], `${target}: for that machine`);
  }
});

void t.test('it says its version and commit, with nothing beside it', async (t) => {
  const dir = t.testdir({ empty: {} });
  const file = await build(root, dir, here);
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  const env = { PATH: '/nowhere' };
  const { stdout, stderr, code } = await run(file, ['--version'], { cwd: join(dir, 'empty'), env });
  t.same(
    { stdout, stderr, code },
    { stdout: `towline-runner ${version} (commit abc)\n`, stderr: '', code: 0 },
  );
});

void t.test('what lies in the folder it is started in does not change it', async (t) => {
  const dir = t.testdir({
    '.env': 'NODE_OPTIONS=--bad',
    'bunfig.toml': 'preload = ["./x.ts"]',
    'x.ts': 'process.exit(3)',
  });
  const file = await build(root, join(dir, 'built'), here);
  t.equal((await run(file, ['--version'], { cwd: dir })).code, 0);
});
