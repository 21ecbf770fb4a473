import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { readStaticPods } from '../../../../src/edge-runner/static-pods/read-static-pods.ts';
import { StaticPods } from '../../../../src/edge-runner/static-pods/static-pods.ts';
import { tellStaticPods } from '../../../../src/edge-runner/static-pods/tell-static-pods.ts';
import { nodeMisfit } from '../../../../src/kube/node-fit.ts';
import { podCgroupResources } from '../../../../src/kube/pod-cgroup.ts';
import { qosClassOf } from '../../../../src/kube/qos.ts';
import { isCritical } from '../../../../src/kube/priority.ts';
import { waitFor } from '../../../../hack/lab/wait.ts';

const yaml = (image: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: main\n    image: ${image}\n`;

void t.test('a file is a pod with a kubelet’s name and annotations', async (t) => {
  const json = JSON.stringify({
    kind: 'Pod',
    metadata: { name: 'other', namespace: 'shop', annotations: { a: 'b' } },
    spec: { containers: [{ name: 'main', image: 'b:1' }] },
  });
  const dir = t.testdir({
    'web.yaml': yaml('a:1'),
    'other.json': json,
    '.hidden.yaml': 'x',
    sub: {},
  });
  const { pods, problems } = await readStaticPods(dir, 'berlin.shop', () => 'then');
  t.equal(problems.size, 0);
  const [other, web] = pods;
  t.match(other, {
    metadata: { name: 'other-berlin.shop', namespace: 'shop', annotations: { a: 'b' } },
  });
  t.match(web, {
    metadata: {
      ...{ name: 'web-berlin.shop', namespace: 'default' },
      annotations: {
        'kubernetes.io/config.source': 'file',
        'kubernetes.io/config.hash': String,
        'kubernetes.io/config.seen': 'then',
      },
    },
    spec: {
      ...{ nodeName: 'berlin.shop', containers: [{ image: 'a:1' }] },
      tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
    },
  });
  t.equal(web?.metadata.uid, web?.metadata.annotations?.['kubernetes.io/config.hash']);
  t.ok(web !== undefined && isCritical(web));
  t.same(await readStaticPods(join(dir, 'nothing'), 'n', () => 'then'), {
    pods: [],
    problems: new Map(),
  });
});

void t.test('what a file limits is requested, as if the API had stored the pod', async (t) => {
  const limits = { cpu: '1', memory: '64Mi', 'hugepages-2Mi': '4Mi' };
  const dir = t.testdir({
    'a.json': JSON.stringify({
      ...{ kind: 'Pod', metadata: { name: 'a' } },
      spec: { containers: [{ name: 'main', image: 'a:1', resources: { limits } }] },
    }),
  });
  const [pod] = (await readStaticPods(dir, 'n', () => 'then')).pods;
  if (pod === undefined) throw new TypeError('there is no pod');
  const pages = podCgroupResources(pod, [2 * 1024 ** 2]).hugePages;
  t.same(pages, [{ pageSize: '2MB', limitBytes: 4 * 1024 ** 2 }]);
  const room = { allocatable: { 'hugepages-2Mi': '2Mi' }, pods: [] };
  t.equal(nodeMisfit(pod, room)?.reason, 'OutOfhugepages-2Mi', 'they are counted');
  t.equal(qosClassOf(pod), 'Guaranteed');
});

void t.test('a file that can’t be used is named, and keeps no other from running', async (t) => {
  const dir = t.testdir({
    ...{ 'a.yaml': '{', 'b.yaml': 'just text', 'c.json': '[]', 'd.yaml': 'kind: Service' },
    'e.yaml': 'kind: Pod\nmetadata: {name: x}\nspec: {}',
    'f.yaml': 'x'.repeat(1024 * 1024 + 1),
    'g.yaml': yaml('a:1'),
  });
  const { pods, problems } = await readStaticPods(dir, 'n', () => 'then');
  t.equal(pods.length, 1);
  t.same([...problems.keys()], ['a.yaml', 'b.yaml', 'c.json', 'd.yaml', 'e.yaml', 'f.yaml']);
});

void t.test('a file that nests deep, or becomes much by aliases, is no pod', async (t) => {
  const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const deep = (depth: number): string =>
    `{"kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[],"x":${nested(depth)}}}`;
  const lines = Array.from(
    { length: 9 },
    (_, i) => `b${i + 1}: &b${i + 1} [${`*b${i},`.repeat(9)}]`,
  );
  const dir = t.testdir({
    ...{
      'a.json': deep(100),
      'b.json': deep(200_000),
      'c.yaml': deep(100),
      'd.yaml': deep(20_000),
    },
    'e.yaml': ['b0: &b0 [x]', ...lines].join('\n'),
    'f.json': deep(20),
  });
  const { pods, problems } = await readStaticPods(dir, 'n', () => 'then');
  t.same([...problems.keys()], ['a.json', 'b.json', 'c.yaml', 'd.yaml', 'e.yaml']);
  t.equal(tellStaticPods(pods).length, 1);
});

void t.test('a file that comes, changes or goes is followed', async (t) => {
  const dir = t.testdir({});
  let changes = 0;
  const statics = new StaticPods({
    ...{ dir, nodeName: 'n', log: pino({ level: 'silent' }) },
    onChange: () => (changes += 1),
  });
  t.equal(await statics.load(), false);
  const stop = new AbortController();
  const running = statics.run(stop.signal);
  const imageOf = (): string | undefined => statics.pods[0]?.spec.containers[0]?.image;
  await writeFile(join(dir, 'web.yaml'), yaml('a:1'));
  await waitFor(() => imageOf() === 'a:1', { what: 'the pod to come', timeoutMs: 30_000 });
  const uid = statics.pods[0]?.metadata.uid;
  const seen = statics.pods[0]?.metadata.annotations?.['kubernetes.io/config.seen'];
  await writeFile(join(dir, 'other.yaml'), yaml('b:1').replace('web', 'other'));
  await waitFor(() => statics.pods.length === 2, { what: 'another', timeoutMs: 30_000 });
  t.equal(statics.pods[1]?.metadata.annotations?.['kubernetes.io/config.seen'], seen, 'seen then');
  await rm(join(dir, 'other.yaml'));
  await waitFor(() => statics.pods.length === 1, { what: 'it to go', timeoutMs: 30_000 });
  await writeFile(join(dir, 'web.yaml'), yaml('a:2'));
  await waitFor(() => imageOf() === 'a:2', { what: 'the pod to change', timeoutMs: 30_000 });
  t.not(statics.pods[0]?.metadata.uid, uid, 'it is another pod now');
  await rm(join(dir, 'web.yaml'));
  await waitFor(() => statics.pods.length === 0, { what: 'the pod to go', timeoutMs: 30_000 });
  t.ok(changes >= 3);
  stop.abort();
  await running;
});
