import t from 'tap';
import { siteOf } from '../../../src/cli/site-object.ts';

const ref = { namespace: 'acme', name: 'shop' };
const none = { nodeLabel: [], taint: [] };

void t.test('a site without flags leaves everything to the defaults', (t) => {
  t.strictSame(siteOf(ref, none, undefined), {
    apiVersion: 'towline.dev/v1alpha1',
    kind: 'Site',
    metadata: { namespace: 'acme', name: 'shop' },
    spec: {},
  });
  t.end();
});

void t.test('labels may have no value, and may have "=" in none but the first place', (t) => {
  const labels = (nodeLabel: string[]): unknown =>
    siteOf(ref, { ...none, nodeLabel }, undefined).spec?.nodeLabels;
  t.strictSame(labels(['region=eu', 'example.com/lab=']), { region: 'eu', 'example.com/lab': '' });
  for (const wrong of ['region', '=eu', '']) {
    t.throws(() => labels([wrong]), { code: 'USAGE', message: /KEY=VALUE/ }, wrong);
  }
  t.end();
});

void t.test('taints are written as kubectl takes them', (t) => {
  const taints = (taint: string[] | false): unknown =>
    siteOf(ref, { ...none, taint }, undefined).spec?.taints;
  t.strictSame(taints(['edge=yes:NoExecute', 'edge:NoSchedule', 'edge=:PreferNoSchedule']), [
    { key: 'edge', value: 'yes', effect: 'NoExecute' },
    { key: 'edge', effect: 'NoSchedule' },
    { key: 'edge', effect: 'PreferNoSchedule' },
  ]);
  t.strictSame(taints(false), []);
  for (const wrong of ['edge', 'edge:Never', ':NoSchedule', '=a:NoSchedule']) {
    t.throws(() => taints([wrong]), { code: 'USAGE', message: /--taint KEY=VALUE:EFFECT/ }, wrong);
  }
  t.end();
});

void t.test('a name that cannot be a label of a node is refused', (t) => {
  for (const name of ['', 'Shop', 'a.b', '-a', 'a-', 'a'.repeat(64)]) {
    t.throws(() => siteOf({ ...ref, name }, none, undefined), { code: 'USAGE' }, name);
  }
  t.end();
});
