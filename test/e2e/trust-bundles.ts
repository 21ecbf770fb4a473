import { join } from 'node:path';
import type { Test } from 'tap';
import { waitFor } from '../../hack/lab/wait.ts';
import { createCa } from '../../src/provider/pki/authority.ts';
import { type Cluster, isRunning, shellPod } from './cluster.ts';

const manifest = join(import.meta.dirname, '../../manifests/trust-bundles.yaml');

/** Certificates of the cluster's trust bundles reach a pod, and follow the cluster. */
export async function trustBundles(t: Test, cluster: Cluster): Promise<void> {
  await cluster.kubectl('apply', '-f', manifest);
  await cluster.towline.stopProvider();
  await cluster.towline.startProvider();
  const [own, signed, later] = ['own', 'signed', 'later'].map(
    (trustDomain) => createCa({ trustDomain, nowMs: Date.now() }).certificate,
  );
  const signerName = 'example.test/signer';
  const live = { live: 'yes' };
  await cluster.apply(
    bundle('roots', own),
    bundle('example.test:signer:1', signed, signerName, live),
    bundle('example.test:signer:2', own, signerName),
  );
  const sources = [
    { clusterTrustBundle: { path: 'name.pem', name: 'roots' } },
    {
      clusterTrustBundle: {
        ...{ path: 'signer.pem', signerName },
        labelSelector: { matchLabels: live },
      },
    },
    { clusterTrustBundle: { path: 'none.pem', name: 'none', optional: true } },
  ];
  const volumes = [{ name: 'trust', projected: { sources } }];
  const volumeMounts = [{ name: 'trust', mountPath: '/trust' }];
  await cluster.apply(
    shellPod(cluster, 'trusting', 'exec sleep 1000', { volumes }, { volumeMounts }),
  );
  await cluster.untilPod('trusting', 'Running', isRunning);
  const read = (name: string): Promise<string> =>
    cluster.kubectl('exec', 'trusting', '--', 'cat', `/trust/${name}`);
  t.equal((await read('name.pem')).trim(), own?.trim());
  t.equal((await read('signer.pem')).trim(), signed?.trim());
  t.equal(await read('none.pem'), '');
  await cluster.apply(bundle('roots', later));
  await waitFor(async () => (await read('name.pem')).trim() === later?.trim(), {
    what: 'the new certificate to reach the pod',
    timeoutMs: 20_000,
  });
  await cluster.kubectl('delete', 'pod', 'trusting', '--timeout=30s');
}

function bundle(
  name: string,
  trustBundle: string | undefined,
  signerName?: string,
  labels?: Record<string, string>,
): object {
  return {
    ...{ apiVersion: 'certificates.k8s.io/v1beta1', kind: 'ClusterTrustBundle' },
    metadata: { name, labels },
    spec: { signerName, trustBundle },
  };
}
