import t from 'tap';
import { isWithin, parseMountPoints } from '../../../../src/edge-runner/volumes/mount-table.ts';

void t.test('mount points are read with their escapes', (t) => {
  const table = [
    '22 27 0:21 / /proc rw,relatime - proc proc rw',
    '36 35 98:0 /mnt1 /mnt\\040two/a\\134b rw,noatime master:1 - ext3 /dev/root rw',
    '37 35 0:5 / /proc rw - tmpfs tmpfs rw',
    '',
  ].join('\n');
  t.same(parseMountPoints(table), ['/proc', '/mnt two/a\\b', '/proc']);
  t.same(parseMountPoints(''), []);
  t.end();
});

void t.test('a path is within a folder by whole segments', (t) => {
  t.ok(isWithin('/a/b', '/a/b'));
  t.ok(isWithin('/a/b/c', '/a/b'));
  t.ok(isWithin('/a', '/'));
  t.notOk(isWithin('/a/bc', '/a/b'));
  t.notOk(isWithin('/a', '/a/b'));
  t.end();
});
