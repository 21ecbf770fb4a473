import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import t from 'tap';
import { findControlPlanes } from '../../../hack/lab/control-planes.ts';
import { kubectl, kubectlChecked, spawnKubectl } from '../../../hack/lab/kubectl.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { KubeClient } from '../../../src/provider/kube-client/kube-client.ts';
import { loadKubeConfig } from '../../../src/provider/kube-client/kube-config.ts';
import { resources } from '../../../src/provider/kube-client/resource-type.ts';
import { PublishedClientCa } from '../../../src/provider/kubelet-api/client-ca.ts';
import { KubeletApi } from '../../../src/provider/kubelet-api/kubelet-api.ts';
import { nodeDisconnected } from '../../../src/provider/kubelet-api/kubelet-api-error.ts';
import { SiteFake } from '../../unit/provider/kubelet-api/site-fake.ts';
import { TestCa } from '../../unit/provider/kubelet-api/test-pki.ts';

const progress = (line: string): void => {
  t.comment(line);
};
const log = pino({ level: 'silent' });
const nodeName = 'berlin.shop';

// The first run on a machine builds a control plane.
t.setTimeout(900_000);
await ensurePackages(progress);
const { found } = await findControlPlanes(progress);

for (const binaries of found) {
  await t.test(`a real kube-apiserver (${binaries.name}) reaches the pods of a site`, async (t) => {
    const lab = await createLab({ name: `kubelet-${process.pid}`, progress });
    t.teardown(() => lab.stop());
    const plane = await lab.startControlPlane({ binaries });
    const admin = plane.adminKubeconfig;
    const kube = new KubeClient({ config: loadKubeConfig({ file: admin }), log });
    t.teardown(() => kube.close());
    const stopping = new AbortController();
    const clientCa = new PublishedClientCa({ kube, log });
    const following = clientCa.run(stopping.signal);
    t.teardown(async () => {
      stopping.abort();
      await following;
    });
    await clientCa.synced;
    t.equal(clientCa.current()[0]?.trim(), (await readFile(plane.clientCaFile, 'utf8')).trim());

    const site = new SiteFake();
    const api = new KubeletApi({
      tls: new TestCa('serving').issue({ commonNames: [nodeName], usage: 'server' }),
      clientCa: () => clientCa.current(),
      kube,
      nodes: site,
      host: '127.0.0.1',
      log,
    });
    t.teardown(() => api.close());
    const port = await api.listen(nodeName, 0);
    await createNodeAndPod(kube, port);
    await waitFor(
      async () => (await kubectl(admin, ['-n', 'shop', 'get', 'pod', 'web'])).code === 0,
      {
        what: 'the pod is there',
        timeoutMs: 10_000,
      },
    );

    await t.test('the API server is known by its certificate', async (t) => {
      const path = `/api/v1/nodes/${nodeName}/proxy/healthz`;
      t.equal(await kubectlChecked(admin, ['get', '--raw', path]), 'ok');
    });

    await t.test('kubectl logs -f shows lines as they come', async (t) => {
      site.opened.length = 0;
      const logs = spawnKubectl(admin, ['-n', 'shop', 'logs', '-f', '--tail=7', 'web']);
      const { site: device, head } = await site.reply({ ok: true });
      t.match(head, { type: 'logs', namespace: 'shop', pod: 'web', follow: true, tailLines: 7 });
      device.write('first\n');
      const [line] = (await once(logs.stdout, 'data')) as [Buffer];
      t.equal(line.toString(), 'first\n');
      device.end('last\n');
      t.equal(await text(logs.stdout), 'last\n');
    });

    await t.test('kubectl logs -f that is stopped gives the stream up', async (t) => {
      site.opened.length = 0;
      const logs = spawnKubectl(admin, ['-n', 'shop', 'logs', '-f', 'web']);
      const { site: device } = await site.reply({ ok: true });
      device.write('first\n');
      await once(logs.stdout, 'data');
      const closed = once(device, 'close');
      logs.kill();
      await closed;
      t.ok(device.destroyed);
    });

    await t.test(
      'kubectl exec asks for an upgrade; the refusal of the site is its answer',
      async (t) => {
        site.opened.length = 0;
        // A newer kubectl tries by WebSocket first, then by SPDY.
        site.answer = { ok: false, status: 404, message: 'container not found ("app")' };
        const { stderr } = await kubectl(admin, ['-n', 'shop', 'exec', 'web', '--', 'ls', '-l']);
        t.match(stderr, /container not found \("app"\)/);
        t.match(site.opened.at(-1)?.head, {
          type: 'exec',
          container: 'app',
          command: ['ls', '-l'],
          stdout: true,
          upgrade: { method: 'POST' },
        });
      },
    );

    await t.test('a site that is away is told to the person', async (t) => {
      site.failure = nodeDisconnected(nodeName, new Date(0));
      for (const args of [
        ['logs', 'web'],
        ['exec', 'web', '--', 'ls'],
      ]) {
        const { stderr, code } = await kubectl(admin, ['-n', 'shop', ...args]);
        t.not(code, 0);
        t.match(stderr, /has been disconnected since 1970-01-01T00:00:00\.000Z/);
      }
    });
  });
}

async function createNodeAndPod(kube: KubeClient, port: number): Promise<void> {
  await kube.create(resources.nodes, {
    metadata: { name: nodeName },
    // Nothing but this test's own pod is to land here.
    spec: { taints: [{ key: 'towline.dev/site', value: 'berlin', effect: 'NoSchedule' }] },
  });
  await kube.patch(
    resources.nodes,
    { name: nodeName },
    {
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: port } },
      },
    },
    { patchType: 'merge', subresource: 'status' },
  );
  await kube.create(resources.namespaces, { metadata: { name: 'shop' } });
  await waitFor(
    async () => {
      const { items } = await kube.list(resources.serviceAccounts, { namespace: 'shop' });
      return items.length > 0;
    },
    { what: 'the namespace has its service account', timeoutMs: 20_000 },
  );
  await kube.create(resources.pods, {
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      nodeName,
      // Its Secret comes a moment after the account.
      automountServiceAccountToken: false,
      containers: [{ name: 'app', image: 'busybox' }],
    },
  });
}
