import type { Test } from 'tap';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { isRunning, shellPod, type Cluster } from '../cluster.ts';
import { boundByHand } from './bound-by-hand.ts';
import { eventOf } from './event-of.ts';

type Fields = Record<string, unknown>;

const sleep = 'sleep 1000';

/** Objects of the cluster that can't be followed: each is told of, and none harms another. */
export async function objects(t: Test, cluster: Cluster): Promise<void> {
  await t.test('pods that ask for what cannot be', (t) => oddPods(t, cluster));
  await t.test('keys of ConfigMaps and Secrets that are odd', (t) => oddKeys(t, cluster));
  await t.test('a Secret and a ConfigMap that come later', (t) => lateObjects(t, cluster));
  await t.test('a Site that cannot be followed', (t) => oddSites(t, cluster));
  await t.test('pods that nobody scheduled', (t) => boundByHand(t, cluster));
}

async function oddPods(t: Test, cluster: Cluster): Promise<void> {
  const volume = (source: object): Fields => ({ volumes: [{ name: 'v', ...source }] });
  const mountAt = (mountPath: string): Fields => ({ volumeMounts: [{ name: 'v', mountPath }] });
  /** Name, spec, container, and reason and words by which it is told. */
  const odd: [string, Fields, Fields, string, RegExp][] = [
    [
      'iscsi',
      volume({ iscsi: { targetPortal: '10.0.0.1', iqn: 'iqn.2001-04.test:s', lun: 0 } }),
      mountAt('/v'),
      'UnsupportedPodSpec',
      /volumes\[0\]\.iscsi/,
    ],
    [
      'no-share',
      volume({ nfs: { server: '127.0.0.1', path: '/none' } }),
      mountAt('/v'),
      'FailedMount',
      /SetUp failed for volume "v" : mount failed: exit status/,
    ],
    [
      'sysctl',
      { securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: 'x' }] } },
      {},
      'SysctlForbidden',
      /"net\.core\.somaxconn" not allowlisted/,
    ],
    ['no-command', {}, { command: ['/none'] }, 'Failed', /\/none/],
    ['no-image', {}, { image: 'UPPER/Case:x' }, 'InspectFailed', /invalid reference format/],
    ['no-folder', {}, { workingDir: 'a/../../b' }, 'Failed', /Cwd must be an absolute path/],
    ['over-proc', volume({ emptyDir: {} }), mountAt('/proc'), 'Failed', /\/proc/],
    ['over-root', volume({ emptyDir: {} }), mountAt('/'), 'Failed', /Error/],
    [
      'no-memory',
      {},
      { resources: { limits: { memory: '1' } } },
      'FailedCreatePodSandBox',
      /memory/,
    ],
    [
      'no-file',
      volume({ hostPath: { path: '/etc/passwd', type: 'Directory' } }),
      mountAt('/v'),
      'FailedMount',
      /is not a directory/,
    ],
    [
      'no-key',
      volume({ configMap: { name: 'kube-root-ca.crt', items: [{ key: 'none', path: 'x' }] } }),
      mountAt('/v'),
      'FailedMount',
      /./,
    ],
  ];
  await cluster.apply(
    ...odd.map(([name, spec, container]) => shellPod(cluster, name, sleep, spec, container)),
    shellPod(cluster, 'plain', sleep),
  );
  await cluster.untilPod('plain', 'Running', isRunning);
  for (const [name, , , reason, words] of odd) {
    t.match(await eventOf(cluster, name, reason), words, `${name} is told of`);
    t.notOk(isRunning((await cluster.pod(name)) ?? ({} as Pod)), `${name} is not called running`);
  }
  await cluster.kubectl('delete', 'pods', ...odd.map(([name]) => name), '--wait=true');
  t.ok(isRunning((await cluster.pod('plain')) ?? ({} as Pod)), 'a plain one runs all the while');
}

async function oddKeys(t: Test, cluster: Cluster): Promise<void> {
  const metadata = { name: 'odd' };
  const volumes = [
    { name: 'c', configMap: metadata },
    { name: 's', secret: { secretName: 'odd' } },
  ];
  await cluster.apply(
    {
      ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata },
      data: { '.hidden': '1', '-': '2', 'a-b.c_d': '3', ['x'.repeat(253)]: '4', empty: '' },
      binaryData: { bytes: Buffer.from([0, 255, 10]).toString('base64') },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata },
      data: { '1st': Buffer.from([0, 255]).toString('base64'), _: '' },
    },
    shellPod(
      cluster,
      'keys',
      `cat /c/.hidden /c/- /c/a-b.c_d; wc -c < /c/bytes; wc -c < /s/1st; ls -A /c | grep -v '^\\.\\.' | wc -l; ${sleep}`,
      { volumes },
      {
        volumeMounts: volumes.map(({ name }) => ({ name, mountPath: `/${name}` })),
        envFrom: [{ configMapRef: metadata }],
      },
    ),
  );
  await cluster.untilPod('keys', 'Running', isRunning);
  const said = await waitFor(
    async () => {
      const text = await cluster.kubectl('logs', 'keys');
      return text.split('\n').length > 3 && text;
    },
    { what: 'the pod to tell its keys', timeoutMs: 10_000 },
  );
  t.equal(said, '1233\n2\n6\n');
}

async function lateObjects(t: Test, cluster: Cluster): Promise<void> {
  const reference = { name: 'late' };
  await cluster.apply(
    shellPod(
      cluster,
      'wants-secret',
      sleep,
      { volumes: [{ name: 'v', secret: { secretName: 'late' } }] },
      { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    ),
    shellPod(cluster, 'wants-config', sleep, {}, { envFrom: [{ configMapRef: reference }] }),
    shellPod(cluster, 'wants-nothing', sleep),
  );
  await cluster.untilPod('wants-nothing', 'Running', isRunning);
  t.match(await eventOf(cluster, 'wants-secret', 'FailedMount'), /secret "late" not found/);
  t.match(await eventOf(cluster, 'wants-config', 'Failed'), /configmap "late" not found/);
  for (const name of ['wants-secret', 'wants-config']) {
    t.equal((await cluster.pod(name))?.status?.phase, 'Pending', name);
  }
  await cluster.apply(
    { apiVersion: 'v1', kind: 'Secret', metadata: reference, stringData: { a: 'b' } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: reference, data: { a: 'b' } },
  );
  for (const name of ['wants-secret', 'wants-config']) {
    await cluster.untilPod(name, 'Running', isRunning, 60_000);
    t.pass(`${name} runs`);
  }
}

async function oddSites(t: Test, cluster: Cluster): Promise<void> {
  const { site } = cluster;
  const patch = (spec: object): Promise<string> =>
    cluster.kubectl('patch', 'site', site.name, '--type=merge', '-p', JSON.stringify({ spec }));
  const disconnection = { policy: 'Evict', evictAfter: '99999999999999999999h' };
  await patch({ disconnection });
  t.match(
    await eventOf(cluster, site.name, 'InvalidSite', /evictAfter/),
    /spec\.disconnection\.evictAfter: "9+h" is longer/,
  );
  await patch({ nodeLabels: { 'two words': 'x' } });
  t.match(await eventOf(cluster, site.name, 'InvalidSite', /two words/), /two words/);
  await cluster.apply(shellPod(cluster, 'still', sleep));
  await cluster.untilPod('still', 'Running', isRunning);
  await patch({
    disconnection: { policy: 'Keep', evictAfter: null },
    nodeLabels: { 'two words': null, good: 'yes' },
  });
  await waitFor(
    async () => {
      const path = '-o=jsonpath={.metadata.labels.good}';
      return (await cluster.kubectl('get', 'node', site.nodeName, path)) === 'yes';
    },
    { what: 'the label of the mended Site', timeoutMs: 20_000 },
  );
}
