import t from 'tap';
import { isDnsLabel } from '../../../src/kube/dns-label.ts';
import { isLabelKey, isLabelValue } from '../../../src/kube/label-form.ts';

void t.test('keys of labels are names, after a domain or not', (t) => {
  for (const key of ['a', 'A.b_c-d', 'example.com/a', 'a'.repeat(63), 'x1.y2/Z']) {
    t.ok(isLabelKey(key), key);
  }
  for (const key of [
    ...['', '/', 'a/', '/a', 'a/b/c', 'a b', '-a', 'a-', 'a'.repeat(64)],
    ...['Example.com/a', 'a..b/c', `${'a.'.repeat(127)}a/b`],
  ]) {
    t.notOk(isLabelKey(key), key);
  }
  t.end();
});

void t.test('values of labels may be empty', (t) => {
  for (const value of ['', 'a', 'A.b_c-1', 'a'.repeat(63)]) t.ok(isLabelValue(value), value);
  for (const value of ['a b', 'a!', '.a', 'a.', 'a'.repeat(64)])
    t.notOk(isLabelValue(value), value);
  t.end();
});

void t.test('names of sites and namespaces are lower case', (t) => {
  for (const name of ['a', '1', 'a-b', 'a'.repeat(63)]) t.ok(isDnsLabel(name), name);
  for (const name of ['', 'A', 'a.b', 'a_b', '-a', 'a-', 'a\n', 'a'.repeat(64)]) {
    t.notOk(isDnsLabel(name), name);
  }
  t.end();
});
