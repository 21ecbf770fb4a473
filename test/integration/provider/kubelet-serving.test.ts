import { join } from 'node:path';
import t from 'tap';
import { findControlPlanes } from '../../../hack/lab/control-planes.ts';
import { findFreePorts } from '../../../hack/lab/free-ports.ts';
import { kubectl, kubectlChecked } from '../../../hack/lab/kubectl.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { startTowline } from '../../../hack/lab/towline.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { root } from '../../unit/docs/markdown.ts';
import { RoleUse } from './role-use.ts';
import { Scene } from './scene.ts';

t.setTimeout(600_000);
const progress = (line: string): void => {
  t.comment(line);
};
await ensurePackages(progress);
const { found } = await findControlPlanes(progress);
const manifest = join(root, 'manifests/kubelet-serving.yaml');

for (const binaries of found) {
  await t.test(`an API server that verifies kubelets (${binaries.name})`, async (t) => {
    t.setTimeout(300_000);
    const lab = await createLab({ name: `serving-${process.pid}`, progress });
    t.teardown(() => lab.stop());
    const use = new RoleUse(t.testdir({}), {
      manifests: ['kubelet-serving.yaml'],
      roles: ['towline-provider-kubelet-serving'],
    });
    const plane = await lab.startControlPlane({
      binaries,
      // What the cluster's signer signs by.
      kubeletCertificateAuthority: join(lab.dir, 'control-plane/pki/client-ca/ca.crt'),
      extraFlags: { 'kube-apiserver': use.flags },
    });
    const admin = plane.adminKubeconfig;
    await kubectlChecked(admin, ['create', 'namespace', 'towline-system']);
    await kubectlChecked(admin, ['apply', '-f', manifest]);
    const [metricsPort = 0] = await findFreePorts(1, '127.0.0.1');
    const metricsAt = `127.0.0.1:${metricsPort}`;
    const providerArgs = [
      ...['--kubelet-serving-certificate', 'cluster'],
      ...['--metrics-listen', metricsAt],
    ];
    const towline = await startTowline({ lab, plane, providerArgs });
    await Scene.make(lab.dir, plane, towline);
    const logs = async (): Promise<string> =>
      (await kubectl(admin, ['-n', 'acme', 'logs', 'odd'])).stderr;

    t.match(await logs(), 'x509', 'it refuses the certificate of Towline’s own CA');
    await approve(admin);
    await waitFor(async () => !(await logs()).includes('x509'), {
      ...{ what: 'the API server to accept the new certificate', timeoutMs: 30_000 },
    });
    t.match(await logs(), /odd\.acme/, 'the request has come to the site, which has no logs');

    await towline.stopProvider();
    await towline.startProvider();
    await waitFor(async () => !(await logs()).includes('refused'), {
      ...{ what: 'the node to be served again', timeoutMs: 30_000 },
    });
    t.notMatch(await logs(), 'x509', 'a restarted provider still has it');
    t.equal((await requests(admin)).length, 1, 'and asked for no other');

    // Only a renewal writes it again.
    await kubectlChecked(admin, 'delete csr --all'.split(' '));
    await kubectlChecked(admin, [
      ...'-n towline-system patch secret towline-kubelet-serving --type=merge -p'.split(' '),
      '{"data": {"tls.crt": "", "tls.key": ""}}',
    ]);
    await towline.stopProvider();
    await towline.startProvider();
    await approve(admin);
    let unused: string[] = [];
    await waitFor(async () => (unused = await use.unused()).length === 0, {
      ...{ what: 'every rule of the manifest to be needed', timeoutMs: 30_000 },
      explain: () => unused.join(', '),
    });
    t.pass('every rule of the manifest is needed');

    const metrics = await (await fetch(`http://${metricsAt}/metrics`)).text();
    t.match(metrics, /\ntowline_provider_strangers\{listener="tunnels"\} \d+\n/);
    t.match(metrics, /\ntowline_provider_strangers\{listener="kubelet API"\} \d+\n/);
  });
}

async function requests(admin: string): Promise<string[]> {
  return (await kubectlChecked(admin, ['get', 'csr', '-o', 'name']))
    .split('\n')
    .filter((name) => name !== '');
}

async function approve(admin: string): Promise<void> {
  const [name = ''] = await waitFor(
    async () => {
      const names = await requests(admin);
      return names.length > 0 && names;
    },
    { what: 'a request for a certificate', timeoutMs: 30_000 },
  );
  await kubectlChecked(admin, ['certificate', 'approve', name]);
}
