import type { Condition, Container, ContainerStatus, Pod } from '../../src/kube/api.ts';
import { isRunning, onEveryControlPlane, shellPod } from './cluster.ts';
import { persistentVolumes } from './persistent-volumes.ts';
import { trustBundles } from './trust-bundles.ts';
import { userNamespaces } from './user-namespaces.ts';

const image = 'docker.io/library/busybox:1.36';

function shell(name: string, script: string, more: Partial<Container> = {}): Container {
  return { name, image, command: ['sh', '-c', script], ...more };
}

function mainOf(pod: Pod): ContainerStatus | undefined {
  return pod.status?.containerStatuses?.[0];
}

function conditionOf(pod: Pod, type: string): Condition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

const idle = 'trap "exit 0" TERM; while :; do sleep 0.1; done';

await onEveryControlPlane(async (t, cluster) => {
  /** An older API server drops what the newer subtests are about. */
  const isOld = Number(cluster.plane.version.split('.')[1]) < 33;
  const skip = isOld && 'this API server doesn’t serve it';

  await t.test('variables lead to Services, and a RuntimeClass to its handler', async (t) => {
    const service = (name: string): object => ({
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
      spec: { ports: [{ port: 80 }] },
    });
    await cluster.apply(service('first'), {
      ...{ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass' },
      ...{ metadata: { name: `plain-${cluster.namespace}` }, handler: 'runc' },
    });
    const address = await cluster.kubectl(
      'get',
      'service',
      'first',
      '-o',
      'jsonpath={.spec.clusterIP}',
    );
    const runtimeClassName = `plain-${cluster.namespace}`;
    const script =
      'echo "$FIRST_SERVICE_HOST $KUBERNETES_SERVICE_PORT" >/dev/termination-log; exit 1';
    const never = { restartPolicy: 'Never', runtimeClassName };
    await cluster.apply(shellPod(cluster, 'linked', script, never));
    const over = await cluster.untilPod(
      'linked',
      'over',
      ({ status }) => status?.phase === 'Failed',
    );
    t.equal(mainOf(over)?.state.terminated?.message, `${address} 443\n`);
  });

  await t.test('persistent volumes', (t) => persistentVolumes(t, cluster));

  await t.test('trust bundles', { skip }, (t) => trustBundles(t, cluster));

  await t.test('users of a pod’s own', { skip }, (t) => userNamespaces(t, cluster));

  await t.test('a pod that the device has no room for is rejected', async (t) => {
    const resources = { requests: { cpu: '1000' } };
    const bound = { nodeName: cluster.site.nodeName };
    await cluster.apply(shellPod(cluster, 'huge', 'true', bound, { resources }));
    const pod = await cluster.untilPod(
      'huge',
      'rejected',
      ({ status }) => status?.phase === 'Failed',
    );
    t.match(pod.status, { reason: 'OutOfcpu', message: /^Pod was rejected: Node didn't have/ });
  });

  await t.test('gates of scheduling and of readiness', { skip }, async (t) => {
    const gate = 'towns.example/open';
    const spec = {
      schedulingGates: [{ name: 'towns.example/wait' }],
      readinessGates: [{ conditionType: gate }],
    };
    await cluster.apply(shellPod(cluster, 'gated', idle, spec));
    const held = await cluster.untilPod('gated', 'held', (pod) => {
      return conditionOf(pod, 'PodScheduled')?.reason === 'SchedulingGated';
    });
    t.equal(held.spec.nodeName, undefined);
    const open = JSON.stringify([{ op: 'remove', path: '/spec/schedulingGates' }]);
    await cluster.kubectl('patch', 'pod', 'gated', '--type=json', '-p', open);
    const up = await cluster.untilPod('gated', 'up', (pod) => {
      return conditionOf(pod, 'ContainersReady')?.status === 'True';
    });
    t.match(conditionOf(up, 'Ready'), {
      ...{ status: 'False', reason: 'ReadinessGatesNotReady' },
      message: `corresponding condition of pod readiness gate "${gate}" does not exist.`,
    });
    const said = { status: { conditions: [{ type: gate, status: 'True' }] } };
    const patch = ['--subresource=status', '-p', JSON.stringify(said)];
    await cluster.kubectl('patch', 'pod', 'gated', ...patch);
    const ready = await cluster.untilPod('gated', 'ready', (pod) => {
      return conditionOf(pod, 'Ready')?.status === 'True';
    });
    t.match(conditionOf(ready, gate), { status: 'True' });
  });

  await t.test('a variable in a file that an init container made', { skip }, async (t) => {
    const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
    const fileKeyRef = { volumeName: 'shared', path: 'env', key: 'COLOR' };
    const script = 'echo "$COLOR" >/dev/termination-log';
    const spec = {
      restartPolicy: 'Never',
      initContainers: [shell('init', `echo "COLOR='green'" >/shared/env`, { volumeMounts })],
      volumes: [{ name: 'shared', emptyDir: {} }],
    };
    const env = [{ name: 'COLOR', valueFrom: { fileKeyRef } }];
    await cluster.apply(shellPod(cluster, 'from-file', script, spec, { env }));
    const over = await cluster.untilPod('from-file', 'over', ({ status }) => {
      return status?.phase === 'Succeeded';
    });
    t.equal(mainOf(over)?.state.terminated?.message, 'green\n');
  });

  await t.test('a pod that all starts anew when one asks for it', { skip }, async (t) => {
    const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
    const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }];
    const script = 'test -f /shared/again && exit 0; touch /shared/again; exit 42';
    const spec = {
      restartPolicy: 'Never',
      volumes: [{ name: 'shared', emptyDir: {} }],
      initContainers: [shell('first', 'echo ran >>/shared/inits', { volumeMounts })],
    };
    await cluster.apply(
      shellPod(cluster, 'anew', script, spec, {
        ...{ volumeMounts, restartPolicy: 'Never', restartPolicyRules: rules },
      }),
    );
    const over = await cluster.untilPod('anew', 'over', ({ status }) => {
      return status?.phase === 'Succeeded';
    });
    t.match(over.status?.initContainerStatuses, [{ restartCount: 1 }]);
  });

  await t.test('a sidecar serves a Job to its end', { skip }, async (t) => {
    const beside = shell('beside', idle, { restartPolicy: 'Always' });
    const spec = { restartPolicy: 'Never', initContainers: [beside] };
    await cluster.apply(shellPod(cluster, 'job', 'sleep 1', spec));
    const over = await cluster.untilPod(
      'job',
      'over',
      ({ status }) => status?.phase === 'Succeeded',
    );
    t.match(over.status?.initContainerStatuses, [{ state: { terminated: { exitCode: 0 } } }]);
  });

  await t.test('kubectl debug looks into a running container', { skip }, async (t) => {
    await cluster.apply(shellPod(cluster, 'debugged', 'exec sleep 4321'));
    await cluster.untilPod('debugged', 'Running', isRunning);
    const command = ['--', 'sh', '-c', 'ps; exec sleep 1000'];
    const options = [`--image=${image}`, '--target=main', '--container=looking'];
    await cluster.kubectl('debug', 'debugged', ...options, ...command);
    await cluster.untilPod('debugged', 'looked into', ({ status }) =>
      Boolean(status?.ephemeralContainerStatuses?.[0]?.state.running),
    );
    t.match(await cluster.kubectl('logs', 'debugged', '-c', 'looking'), /sleep 4321/);
    const exec = await cluster.kubectl('exec', 'debugged', '-c', 'looking', '--', 'echo', 'here');
    t.equal(exec, 'here\n');
  });

  await t.test('kubectl patch --subresource resize changes a container', { skip }, async (t) => {
    const resources = { requests: { cpu: '100m' }, limits: { cpu: '200m' } };
    await cluster.apply(shellPod(cluster, 'resized', idle, {}, { resources }));
    const before = await cluster.untilPod('resized', 'Running', isRunning);
    const wanted = { requests: { cpu: '150m' }, limits: { cpu: '300m' } };
    const patch = { spec: { containers: [{ name: 'main', resources: wanted }] } };
    await cluster.kubectl(
      'patch',
      'pod',
      'resized',
      '--subresource=resize',
      '-p',
      JSON.stringify(patch),
    );
    const after = await cluster.untilPod('resized', 'resized', (pod) => {
      return mainOf(pod)?.resources?.limits?.['cpu'] === '300m';
    });
    t.match(mainOf(after), { restartCount: 0, containerID: mainOf(before)?.containerID });
    const { status, metadata } = await cluster.untilPod('resized', 'up to date', (pod) => {
      return pod.status?.observedGeneration === pod.metadata.generation;
    });
    t.equal(
      status?.conditions?.some(({ type }) => type.startsWith('PodResize')),
      false,
    );
    t.ok(metadata.generation);
  });
  const minor = Number(cluster.plane.version.split('.')[1]);
  const skipWhole = minor < 36 && 'Kubernetes resizes pods as a whole from 1.36 on';
  await t.test('a pod as a whole is resized, too', { skip: skipWhole }, async (t) => {
    const amounts = (cpu: string): object => ({ requests: { cpu }, limits: { cpu } });
    await cluster.apply(shellPod(cluster, 'whole', idle, { resources: amounts('100m') }));
    const before = await cluster.untilPod('whole', 'Running', isRunning);
    t.match(before.status, { resources: amounts('100m') });
    const patch = JSON.stringify({ spec: { resources: amounts('300m') } });
    await cluster.kubectl('patch', 'pod', 'whole', '--subresource=resize', '-p', patch);
    const after = await cluster.untilPod('whole', 'resized', ({ status }) => {
      return status?.resources?.limits?.['cpu'] === '300m';
    });
    t.match(after.status, { allocatedResources: { cpu: '300m' } });
    t.match(mainOf(after), { restartCount: 0, containerID: mainOf(before)?.containerID });
    const quota = ['exec', 'whole', '--', 'cat', '/sys/fs/cgroup/cpu/cpu.cfs_quota_us'];
    t.equal((await cluster.kubectl(...quota)).trim(), '30000', 'what its container may use');
  });
});
