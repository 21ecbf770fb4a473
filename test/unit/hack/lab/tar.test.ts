import t from 'tap';
import { runChecked } from '../../../../hack/lab/command.ts';
import { pauseProgram } from '../../../../hack/lab/pause-program.ts';
import { writeTar } from '../../../../hack/lab/tar.ts';

const long = `${'folder/'.repeat(20)}file`;

await t.test('the tar program reads what we write', async (t) => {
  const archive = writeTar([
    { kind: 'folder', path: 'tmp', mode: 0o1777 },
    { kind: 'file', path: 'tmp/a', content: Buffer.from('text'), mode: 0o750, owner: 1000 },
    { kind: 'symlink', path: 'b', target: 'tmp/a' },
    { kind: 'file', path: long, content: new Uint8Array(0) },
  ]);
  const listing = await runChecked(
    'tar',
    ['--list', '--verbose', '--numeric-owner', '--file', '-'],
    { input: archive, env: { ...process.env, TZ: 'UTC' } },
  );
  t.same(
    listing
      .trim()
      .split('\n')
      .map((line) => line.replaceAll(/ +/g, ' ')),
    [
      'drwxrwxrwt 0/0 0 1970-01-01 00:00 tmp/',
      '-rwxr-x--- 1000/1000 4 1970-01-01 00:00 tmp/a',
      'lrwxrwxrwx 0/0 0 1970-01-01 00:00 b -> tmp/a',
      `-rw-r--r-- 0/0 0 1970-01-01 00:00 ${long}`,
    ],
  );
  t.equal(
    await runChecked('tar', ['--extract', '--to-stdout', '--file', '-', 'tmp/a'], {
      input: archive,
    }),
    'text',
  );
});

await t.test('a path that the format cannot hold is refused', (t) => {
  const path = 'x'.repeat(120);
  t.throws(() => writeTar([{ kind: 'folder', path }]), { code: 'bad-answer' });
  t.end();
});

await t.test('the pause program is an executable of its architecture', (t) => {
  for (const [architecture, machine] of Object.entries({ x64: 62, arm64: 183 })) {
    const program = Buffer.from(pauseProgram(architecture));
    t.equal(program.toString('latin1', 0, 4), '\x7fELF');
    t.equal(program.readUInt16LE(18), machine);
    t.equal(Number(program.readBigUInt64LE(64 + 32)), program.length, 'all of it is loaded');
  }
  t.throws(() => pauseProgram('mips'), { code: 'not-found' });
  t.end();
});
