import { pino } from 'pino';
import t from 'tap';
import { findControlPlanes } from '../../../hack/lab/control-planes.ts';
import { kubectlChecked } from '../../../hack/lab/kubectl.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { ConfigMap } from '../../../src/kube/api.ts';
import { Informer } from '../../../src/provider/kube-client/informer.ts';
import { KubeClient } from '../../../src/provider/kube-client/kube-client.ts';
import { loadKubeConfig } from '../../../src/provider/kube-client/kube-config.ts';
import { resources } from '../../../src/provider/kube-client/resource-type.ts';

const progress = (line: string): void => {
  t.comment(line);
};
const log = pino({ level: 'silent' });
const ref = (name: string): { namespace: string; name: string } => ({ namespace: 'default', name });

// The first run on a machine builds a control plane.
t.setTimeout(900_000);
await ensurePackages(progress);
const { found } = await findControlPlanes(progress);

for (const binaries of found) {
  await t.test(`on ${binaries.name}`, async (t) => {
    const lab = await createLab({ name: `client-${process.pid}`, progress });
    t.teardown(() => lab.stop());
    const plane = await lab.startControlPlane({ binaries });
    const client = new KubeClient({ config: loadKubeConfig({ file: plane.adminKubeconfig }), log });
    t.teardown(() => client.close());

    await t.test('the version of the server is known', async (t) => {
      const { major, minor, gitVersion } = await client.serverVersion();
      t.equal(major, 1);
      t.ok(minor >= 20);
      t.equal(gitVersion, `v${binaries.version}`);
    });

    await t.test('an object lives: create, get, every patch, replace, delete', async (t) => {
      const created = await client.create<ConfigMap>(resources.configMaps, {
        metadata: ref('life'),
        data: { a: '1' },
      });
      t.match(created.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      await t.rejects(client.create(resources.configMaps, { metadata: ref('life') }), {
        code: 'ALREADY_EXISTS',
      });
      const { configMaps } = resources;
      await client.patch(configMaps, ref('life'), { data: { b: '2' } }, { patchType: 'merge' });
      await client.patch(
        configMaps,
        ref('life'),
        { data: { c: '3' } },
        { patchType: 'strategic-merge' },
      );
      await client.patch(configMaps, ref('life'), [{ op: 'add', path: '/data/d', value: '4' }], {
        patchType: 'json',
      });
      const applied = await client.patch<ConfigMap>(
        configMaps,
        ref('life'),
        { apiVersion: 'v1', kind: 'ConfigMap', data: { e: '5' } },
        { patchType: 'apply', fieldManager: 'test' },
      );
      t.same(applied.data, { a: '1', b: '2', c: '3', d: '4', e: '5' });
      await t.rejects(client.replace(configMaps, ref('life'), created), { code: 'CONFLICT' });
      await client.replace(configMaps, ref('life'), { ...applied, data: {} });
      await t.rejects(client.delete(configMaps, ref('life'), { uid: 'another' }), {
        code: 'CONFLICT',
      });
      const uid = created.metadata.uid ?? '';
      await client.delete(configMaps, ref('life'), { uid });
      await t.rejects(client.get(configMaps, ref('life')), { code: 'NOT_FOUND', status: 404 });
    });

    await t.test('a service-account token is made, used and refused', async (t) => {
      const { status } = await client.create<{ status: { token: string } }>(
        resources.serviceAccounts,
        { spec: { expirationSeconds: 600 } },
        { namespace: 'default', name: 'default', subresource: 'token' },
      );
      const review = await client.create<{ status: { user: { username: string } } }>(
        resources.tokenReviews,
        { spec: { token: status.token } },
      );
      t.equal(review.status.user.username, 'system:serviceaccount:default:default');
      const config = loadKubeConfig({ file: await plane.kubeconfigFor('nobody') });
      const nobody = new KubeClient({ config, log });
      t.teardown(() => nobody.close());
      await t.rejects(nobody.list(resources.secrets), { code: 'FORBIDDEN', reason: 'Forbidden' });
    });

    await t.test('an informer follows, through a restart of the API server', async (t) => {
      for (let i = 0; i < 3; i += 1) {
        await client.create(resources.configMaps, {
          metadata: { ...ref(`follow-${i}`), labels: { follow: 'yes' } },
        });
      }
      const informer = new Informer<ConfigMap>({
        client,
        type: resources.configMaps,
        namespace: 'default',
        labelSelector: 'follow=yes',
        log,
      });
      const changes: string[] = [];
      informer.subscribe(({ type, object }) => changes.push(`${type} ${object.metadata.name}`));
      const controller = new AbortController();
      const running = informer.run(controller.signal);
      await informer.synced;
      t.equal(informer.list().length, 3);
      await client.delete(resources.configMaps, ref('follow-0'));
      await waitFor(() => informer.get('default', 'follow-0') === undefined, {
        what: 'the deletion arrives',
        timeoutMs: 5_000,
      });
      await plane.kill('kube-apiserver');
      await plane.restart('kube-apiserver');
      await kubectlChecked(plane.adminKubeconfig, [
        ...['label', 'configmap', 'follow-1', 'again=yes'],
      ]);
      await waitFor(
        () => informer.get('default', 'follow-1')?.metadata.labels?.['again'] === 'yes',
        {
          what: 'a change after the restart arrives',
          timeoutMs: 60_000,
        },
      );
      t.same(changes.slice(0, 5), [
        'set follow-0',
        'set follow-1',
        'set follow-2',
        'delete follow-0',
        'set follow-1',
      ]);
      t.ok(informer.ageMs < 60_000);
      controller.abort();
      await running;
    });
  });
}
