import t from 'tap';
import { podFieldValue } from '../../../src/kube/field-path.ts';
import { pod } from './pods.ts';

const context = {
  podIPs: ['10.1.0.5', 'fd00::5'],
  hostIPs: ['192.0.2.1', '2001:db8::1'],
  nodeName: 'barn.farm',
  allocatable: {},
};
const subject = pod(
  { nodeName: 'barn.farm', serviceAccountName: 'default' },
  {
    labels: { b: 'two', 'a/x': 'o"n\\e\n', u: 'grün\u200b\u{1f600}\u{e0001}\x7f' },
    annotations: { note: 'hi', 'with[brackets]': 'yes' },
  },
);

const cases: [path: string, value: string][] = [
  ['metadata.name', 'web'],
  ['metadata.namespace', 'shop'],
  ['metadata.uid', 'u-1'],
  ['metadata.labels', 'a/x="o\\"n\\\\e\\n"\nb="two"\nu="grün\\u200b\u{1f600}\\U000e0001\\x7f"'],
  ['metadata.annotations', 'note="hi"\nwith[brackets]="yes"'],
  ["metadata.labels['b']", 'two'],
  ["metadata.labels['none']", ''],
  ["metadata.annotations['with[brackets]']", 'yes'],
  ['spec.nodeName', 'barn.farm'],
  ['spec.serviceAccountName', 'default'],
  ['status.podIP', '10.1.0.5'],
  ['status.podIPs', '10.1.0.5,fd00::5'],
  ['status.hostIP', '192.0.2.1'],
  ['status.hostIPs', '192.0.2.1,2001:db8::1'],
];

void t.test('each field of the downward API', (t) => {
  for (const [path, value] of cases) t.equal(podFieldValue(subject, path, context), value, path);
  t.end();
});

void t.test('fields that have no value yet are empty', (t) => {
  const bare = { podIPs: [], hostIPs: [], nodeName: 'n', allocatable: {} };
  for (const path of ['metadata.labels', 'status.podIP', 'status.podIPs', 'status.hostIP']) {
    t.equal(podFieldValue(pod(), path, bare), '', path);
  }
  t.equal(podFieldValue(pod(), 'spec.nodeName', bare), 'n');
  t.end();
});

void t.test('other paths are refused', (t) => {
  for (const path of ['', 'spec.containers', 'metadata', "metadata.name['x']", 'constructor']) {
    t.throws(() => podFieldValue(subject, path, context), { code: 'UNSUPPORTED_FIELD' }, path);
  }
  t.end();
});
