import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { waitFor } from '../../hack/lab/wait.ts';
import { type Cluster, isRunning, shellPod } from './cluster.ts';

/** Claims, bound by the cluster's own controller and scheduler to volumes of the site's device. */
export async function persistentVolumes(t: Test, cluster: Cluster): Promise<void> {
  const at = (name: string): string => join(cluster.site.device.dir, name);
  await t.test('a claim that waits for its first consumer is bound where the disk is', (t) =>
    firstConsumer(t, cluster, at('disk')),
  );
  await t.test('a claim that is bound late starts its pod then', (t) =>
    boundLate(t, cluster, at('late')),
  );
}

async function firstConsumer(t: Test, cluster: Cluster, path: string): Promise<void> {
  await mkdir(path);
  const name = `disk-${cluster.namespace}`;
  const far = volume(`far-${cluster.namespace}`, name, path, ['nowhere.test']);
  await cluster.apply(
    {
      ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name } },
      ...{ provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' },
    },
    far,
    volume(name, name, path, [cluster.site.nodeName]),
    claim('disk', name),
  );
  t.match(await phaseOf(cluster, 'disk'), 'Pending');
  const script = 'echo "$HOSTNAME" >>/disk/guests; exec sleep 1000';
  const pod = shellPod(cluster, 'first', script, volumesOf('disk'), mountOf('disk'));
  await cluster.apply(pod);
  await cluster.untilPod('first', 'Running', isRunning);
  const volumeName = ['get', 'pvc', 'disk', '-o', 'jsonpath={.spec.volumeName}'];
  t.equal(await cluster.kubectl(...volumeName), name, 'the volume of this node');
  await waitFor(async () => (await readFile(join(path, 'guests'), 'utf8')) === 'first\n', {
    what: 'the pod to have written to its volume',
    timeoutMs: 10_000,
  });
  await cluster.kubectl('delete', 'pvc', 'disk', '--wait=false');
  t.equal(await phaseOf(cluster, 'disk'), 'Bound', 'the claim is kept for its pod');
  t.equal(await cluster.kubectl('exec', 'first', '--', 'cat', '/disk/guests'), 'first\n');
  await cluster.kubectl('delete', 'pod', 'first', '--timeout=30s');
  await waitFor(async () => (await cluster.tryKubectl(['get', 'pvc', 'disk'])).code !== 0, {
    what: 'the claim to go after its pod',
    timeoutMs: 30_000,
  });
  t.ok((await stat(join(path, 'guests'))).isFile(), 'and the device keeps what is in it');
  t.notMatch(await readFile('/proc/self/mountinfo', 'utf8'), `kubernetes.io~local-volume/${name}`);
}

async function boundLate(t: Test, cluster: Cluster, path: string): Promise<void> {
  await mkdir(path);
  const name = `late-${cluster.namespace}`;
  const bound = { ...volumesOf('late'), nodeName: cluster.site.nodeName };
  const pod = shellPod(cluster, 'late', 'exec sleep 1000', bound, mountOf('late'));
  await cluster.apply(claim('late', name), pod);
  const words = `error processing PVC ${cluster.namespace}/late: PVC is not bound`;
  await waitFor(
    async () => (await cluster.kubectl('get', 'events', '-o', 'wide')).includes(words),
    { what: 'an event about the claim', timeoutMs: 20_000 },
  );
  await cluster.apply(volume(name, name, path, [cluster.site.nodeName]));
  await cluster.untilPod('late', 'Running', isRunning, 60_000);
  t.pass('it runs');
  await cluster.kubectl('delete', 'pod', 'late', '--timeout=30s');
}

function volume(name: string, storageClassName: string, path: string, nodes: string[]): object {
  const key = 'kubernetes.io/hostname';
  const matchExpressions = [{ key, operator: 'In', values: nodes }];
  return {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name } },
    spec: {
      ...{ capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName },
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
    },
  };
}

function claim(name: string, storageClassName: string): object {
  return {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name } },
    spec: {
      ...{ accessModes: ['ReadWriteOnce'], storageClassName },
      resources: { requests: { storage: '1Mi' } },
    },
  };
}

function volumesOf(claimName: string): Record<string, unknown> {
  return { volumes: [{ name: claimName, persistentVolumeClaim: { claimName } }] };
}

function mountOf(name: string): Record<string, unknown> {
  return { volumeMounts: [{ name, mountPath: `/${name}` }] };
}

function phaseOf(cluster: Cluster, name: string): Promise<string> {
  return cluster.kubectl('get', 'pvc', name, '-o', 'jsonpath={.status.phase}');
}
