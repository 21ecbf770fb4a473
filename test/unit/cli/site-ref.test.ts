import t from 'tap';
import { siteRef } from '../../../src/cli/site-ref.ts';

const wrong = ['', 'Shop', 'a.b', '-a', 'a-', 'a/b', 'a b', 'a'.repeat(64)];

void t.test('a site is named by namespace and name', (t) => {
  t.strictSame(siteRef('acme', 'shop-1'), { namespace: 'acme', name: 'shop-1' });
  t.end();
});

void t.test('a name that cannot be a label of a node is refused', (t) => {
  for (const name of wrong) {
    const expected = { code: 'USAGE', message: /cannot be the name of a site: use at most 63/ };
    t.throws(() => siteRef('acme', name), expected, name);
  }
  t.end();
});

void t.test('so is a namespace that no cluster can have', (t) => {
  for (const namespace of wrong) {
    const expected = { code: 'USAGE', message: /cannot be the name of a namespace/ };
    t.throws(() => siteRef(namespace, 'shop'), expected, namespace);
  }
  t.end();
});
