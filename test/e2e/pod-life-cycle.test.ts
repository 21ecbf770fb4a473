import { waitFor } from '../../hack/lab/wait.ts';
import type { Node } from '../../src/kube/api.ts';
import { isRunning, onEveryControlPlane, shellPod } from './cluster.ts';
import { staticPods } from './static-pods.ts';

await onEveryControlPlane(async (t, cluster) => {
  const { namespace, site } = cluster;

  await t.test('the node looks like any node', async (t) => {
    const text = await cluster.kubectl('get', 'node', site.nodeName, '-o', 'json');
    const node = JSON.parse(text) as Node;
    t.match(node.metadata.labels, {
      'kubernetes.io/hostname': site.nodeName,
      'kubernetes.io/os': 'linux',
      'towline.dev/site': site.name,
      'towline.dev/tenant': namespace,
    });
    t.match(node.spec?.taints, [
      { key: 'towline.dev/site', value: site.name, effect: 'NoSchedule' },
    ]);
    t.match(node.status?.capacity, { cpu: /^\d+$/, memory: /^\d+Ki$/, pods: '110' });
    t.match(node.status?.nodeInfo, {
      containerRuntimeVersion: /^containerd:\/\/1\.6/,
      kubeletVersion: new RegExp(`^v1\\.${cluster.plane.version.split('.')[1] ?? ''}\\.`),
      operatingSystem: 'linux',
    });
    t.ok((node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0) > 0);
    const wide = await cluster.kubectl('get', 'nodes', '-o', 'wide');
    t.match(wide, new RegExp(`${site.nodeName} +Ready +<none>`));
    const described = await cluster.kubectl('describe', 'node', site.nodeName);
    t.match(described, /KubeletReady/);
    t.match(described, /Lease:\n +HolderIdentity: +/);
    const sites = await cluster.kubectl('get', 'sites');
    t.match(sites, new RegExp(`${site.name} +${site.nodeName}`));
  });

  await t.test('a pod goes from Pending to Running and is deleted within its grace', async (t) => {
    const script = 'trap "exit 0" TERM; echo started; while :; do sleep 0.1; done';
    await cluster.apply(shellPod(cluster, 'web', script, { terminationGracePeriodSeconds: 20 }));
    const pod = await cluster.untilPod('web', 'Running', isRunning);
    t.equal(pod.spec.nodeName, site.nodeName);
    t.match(pod.status?.podIP, /^\d+\.\d+\.\d+\.\d+$/);
    t.match(pod.status?.containerStatuses, [{ restartCount: 0, containerID: /^containerd:\/\// }]);
    const events = await waitFor(
      async () => {
        const text = await cluster.kubectl(
          'get',
          'events',
          '--field-selector=involvedObject.name=web',
        );
        return text.includes('Started') && text;
      },
      { what: 'the pod’s events', timeoutMs: 10_000 },
    );
    for (const reason of ['Scheduled', 'Pulled', 'Created', 'Started']) t.match(events, reason);
    const startedAtMs = Date.now();
    await cluster.kubectl('delete', 'pod', 'web', '--wait=true', '--timeout=30s');
    t.ok(Date.now() - startedAtMs < 15_000, 'it ended by itself, not by the end of its grace');
    const tasks = await site.device.ctr('containers', 'ls', '-q');
    t.equal(tasks.trim(), '', 'nothing of it is left on the device');
  });

  await t.test('ends, exit codes and restarts', async (t) => {
    await cluster.apply(
      shellPod(cluster, 'done', 'exit 0', { restartPolicy: 'Never' }),
      shellPod(cluster, 'failed', 'exit 3', { restartPolicy: 'Never' }),
      shellPod(cluster, 'crash', 'exit 1'),
      shellPod(
        cluster,
        'hungry',
        'x=a; while :; do x=$x$x; done',
        { restartPolicy: 'Never' },
        { resources: { limits: { memory: '16Mi' } } },
      ),
      shellPod(
        cluster,
        'never',
        'true',
        {},
        { image: 'nowhere.test/x:1', imagePullPolicy: 'Never' },
      ),
      shellPod(cluster, 'nopull', 'true', {}, { image: '127.0.0.1:1/x:1' }),
    );
    await cluster.untilPod('done', 'Succeeded', ({ status }) => status?.phase === 'Succeeded');
    const failed = await cluster.untilPod(
      'failed',
      'Failed',
      ({ status }) => status?.phase === 'Failed',
    );
    t.match(failed.status?.containerStatuses, [{ state: { terminated: { exitCode: 3 } } }]);
    const hungry = await cluster.untilPod(
      'hungry',
      'Failed',
      ({ status }) => status?.phase === 'Failed',
    );
    t.match(hungry.status?.containerStatuses, [
      { state: { terminated: { reason: 'OOMKilled', exitCode: 137 } } },
    ]);
    for (const [name, reason] of [
      ['crash', 'CrashLoopBackOff'],
      ['never', 'ErrImageNeverPull'],
      ['nopull', 'ImagePullBackOff'],
    ] as const) {
      await cluster.untilPod(
        name,
        reason,
        ({ status }) => status?.containerStatuses?.[0]?.state.waiting?.reason === reason,
      );
      t.pass(`${name}: ${reason}`);
    }
    await cluster.kubectl('delete', 'pods', '--all', '--timeout=30s');
  });

  await t.test('ConfigMap, Secret, emptyDir, environment and token', async (t) => {
    await cluster.apply(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'conf' }, data: { color: 'green' } },
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, stringData: { pw: 's3cret' } },
      shellPod(
        cluster,
        'config',
        'echo $COLOR $PW $POD; cat /conf/color /key/pw; head -c 5 /var/run/secrets/kubernetes.io/serviceaccount/token; head -c 5 /own/token; echo ok > /scratch/f; cat /scratch/f; sleep 1000',
        {
          volumes: [
            { name: 'conf', configMap: { name: 'conf' } },
            { name: 'key', secret: { secretName: 'key' } },
            { name: 'scratch', emptyDir: {} },
            {
              name: 'own',
              projected: {
                sources: [
                  {
                    serviceAccountToken: {
                      path: 'token',
                      audience: 'vault',
                      expirationSeconds: 600,
                    },
                  },
                ],
              },
            },
          ],
        },
        {
          env: [
            { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'conf', key: 'color' } } },
            { name: 'PW', valueFrom: { secretKeyRef: { name: 'key', key: 'pw' } } },
            { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          ],
          volumeMounts: [
            { name: 'conf', mountPath: '/conf' },
            { name: 'key', mountPath: '/key' },
            { name: 'scratch', mountPath: '/scratch' },
            { name: 'own', mountPath: '/own' },
          ],
        },
      ),
    );
    const { status } = await cluster.untilPod('config', 'Running', isRunning);
    if (Number(cluster.plane.version.split('.')[1]) >= 33) {
      t.match(status, {
        hostIPs: [{ ip: status?.hostIP }],
        containerStatuses: [
          {
            volumeMounts: [
              { name: 'conf', mountPath: '/conf' },
              { name: 'key', mountPath: '/key' },
              { name: 'scratch', mountPath: '/scratch' },
              { name: 'own', mountPath: '/own' },
              {
                mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
                ...{ readOnly: true, recursiveReadOnly: 'Disabled' },
              },
            ],
          },
        ],
      });
    }
    const log = await waitFor(
      async () => {
        const text = await cluster.kubectl('logs', 'config');
        return text.includes('ok') && text;
      },
      { what: 'the pod to have read its files', timeoutMs: 10_000 },
    );
    t.match(log, /^green s3cret config\n/);
    t.match(log, /greens3creteyJhbeyJhbok/, 'the service account’s token and the one of its own');
    await cluster.apply({
      ...{
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'conf' },
        data: { color: 'blue' },
      },
    });
    await waitFor(
      async () => (await cluster.kubectl('exec', 'config', '--', 'cat', '/conf/color')) === 'blue',
      { what: 'the new ConfigMap to reach the pod', timeoutMs: 15_000 },
    );
    t.pass('a change of the ConfigMap reached the running pod');
    await cluster.kubectl('delete', 'pod', 'config', '--timeout=30s');
  });

  await t.test('a static pod is shown as its mirror pod', { timeout: 240_000 }, (t) =>
    staticPods(t, cluster),
  );

  await t.test('a pod that uses what is not supported says so', async (t) => {
    await cluster.apply(
      shellPod(cluster, 'odd', 'true', {
        volumes: [{ name: 'disk', gcePersistentDisk: { pdName: 'x' } }],
      }),
    );
    const pod = await cluster.untilPod('odd', 'Failed', ({ status }) => status?.phase === 'Failed');
    t.match(pod.status, { reason: 'UnsupportedPodSpec', message: /gcePersistentDisk/ });
    await waitFor(
      async () => (await cluster.kubectl('get', 'events')).includes('UnsupportedPodSpec'),
      { what: 'an event about it', timeoutMs: 10_000 },
    );
    t.pass('and an event too');
  });
});
