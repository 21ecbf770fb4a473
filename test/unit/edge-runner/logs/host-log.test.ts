import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { openHostLog } from '../../../../src/edge-runner/logs/host-log.ts';

void t.test('files and lists below the folder, and nothing else', async (t) => {
  const dir = t.testdir({
    log: { syslog: 'a line\n', empty: '', apt: { 'a<b': 'x' } },
    secret: 'no',
  });
  const root = join(dir, 'log');
  await symlink('../secret', join(root, 'planted'));
  await symlink('apt/a<b', join(root, 'inside'));
  const read = async (path: string): Promise<string> => text(await openHostLog(root, path));
  t.equal(await read('syslog'), 'a line\n');
  t.equal(await read('empty'), '');
  t.equal(await read('inside'), 'x');
  t.match(await read(''), '<pre>\n<a href="apt/">apt/</a>\n');
  t.match(await read('apt/'), '<a href="a%3Cb">a&lt;b</a>');
  for (const path of ['planted', '../secret', '../../../etc/passwd', 'nope', 'a\0b']) {
    await t.rejects(openHostLog(root, path), { code: 'LOG_NOT_FOUND' }, path);
  }
});

/** Exchanges a folder and a file for links out of the log's folder and back, as fast as it can. */
const attacker = `
  const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
  process.send('begun');
  process.on('disconnect', () => process.exit());
  const swap = (name, target) => {
    renameSync(name, name + '.kept');
    symlinkSync(target, name);
    unlinkSync(name);
    renameSync(name + '.kept', name);
  };
  const round = () => {
    for (let n = 0; n < 200; n += 1) {
      swap('log/apt', '../outside');
      swap('log/line', '../outside/history');
    }
    setImmediate(round);
  };
  round();
`;

void t.test('what is exchanged for a link after the look is not read', async (t) => {
  const dir = t.testdir({ log: {}, outside: { history: 'secret' }, 'attacker.cjs': attacker });
  await mkdir(join(dir, 'log', 'apt'));
  for (const name of ['apt/history', 'line']) await writeFile(join(dir, 'log', name), 'fine');
  const child = fork(join(dir, 'attacker.cjs'), { cwd: dir, execArgv: [] });
  t.teardown(() => child.kill());
  await once(child, 'message');
  const told = new Map<string, number>();
  for (let n = 0; n < 1_000; n += 1) {
    for (const path of ['apt/history', 'apt', 'line']) {
      const answer = await openHostLog(join(dir, 'log'), path)
        .then(text)
        .catch((error: unknown) => String((error as { code: unknown }).code));
      told.set(answer, (told.get(answer) ?? 0) + 1);
    }
  }
  child.disconnect();
  await once(child, 'exit');
  t.equal(told.get('secret'), undefined);
  t.ok((told.get('fine') ?? 0) > 0, 'and the true file is read');
  t.comment(JSON.stringify([...told]));
});
