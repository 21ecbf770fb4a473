import { symlink } from 'node:fs/promises';
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
