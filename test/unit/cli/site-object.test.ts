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

void t.test('labels and taints that no node can have are refused', (t) => {
  const wrong: [object, RegExp][] = [
    [{ nodeLabel: ['two words=a'] }, /--node-label: "two words" cannot be a key/],
    [{ nodeLabel: ['a=two words'] }, /--node-label: "two words" cannot be the value of a:/],
    [{ taint: ['two words=a:NoSchedule'] }, /--taint: "two words" cannot be a key/],
    [{ taint: ['a=two words:NoSchedule'] }, /--taint: "two words" cannot be the value of a:/],
  ];
  for (const [flags, message] of wrong) {
    const make = (): unknown => siteOf(ref, { ...none, ...flags }, undefined);
    t.throws(make, { code: 'USAGE', message }, JSON.stringify(flags));
  }
  t.end();
});
