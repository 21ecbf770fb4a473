import t from 'tap';
import { PodProblem } from '../../../../src/edge-runner/pod/pod-problem.ts';
import { volumeMounts } from '../../../../src/edge-runner/pod/volume-mounts.ts';
import type { Container, Pod, Volume, VolumeMount } from '../../../../src/kube/api.ts';

type Context = Parameters<typeof volumeMounts>[0];

interface Asked {
  container: Container;
  secrets: readonly unknown[];
}

function scene(volume: Volume, mount: Partial<VolumeMount> = {}, ensure?: () => Promise<never>) {
  const asked: Asked[] = [];
  const events: unknown[][] = [];
  const container: Container = {
    name: 'main',
    image: 'web:1',
    volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }],
  };
  const pod: Pod = {
    metadata: { name: 'web', namespace: 'shop', uid: 'u', annotations: { a: 'b' } },
    spec: { containers: [container], volumes: [volume], runtimeClassName: 'sealed' },
  };
  const context = {
    images: {
      ensure: async (request: Asked & { events: { record: (...event: unknown[]) => void } }) => {
        asked.push({ container: request.container, secrets: request.secrets });
        request.events.record('Normal', 'Pulled', 'pulled', request.container.name);
        await ensure?.();
        return { id: 'sha256:1' };
      },
    },
    objects: { runtimeClass: (name: string) => ({ handler: `${name}-handler` }) },
    recursiveReadOnly: () => false,
    volumes: { mountFor: () => Promise.resolve({ hostPath: '/disk', readOnly: true }) },
  } as unknown as Context;
  const secrets = [{ metadata: { name: 's' } }];
  const record = (...event: unknown[]): void => void events.push(event);
  const { signal } = new AbortController();
  const mounts = (): ReturnType<typeof volumeMounts> =>
    volumeMounts(context, { pod, container, secrets, events: { record }, signal }, [
      { name: 'DIR', value: 'etc' },
    ]);
  return { mounts, asked, events, secrets };
}

const image = { reference: 'data:1' };

void t.test('an image volume is pulled, and the runtime is asked to mount it', async (t) => {
  const { mounts, asked, events, secrets } = scene({ name: 'v', image }, { subPathExpr: '$(DIR)' });
  t.same(await mounts(), [
    {
      ...{ containerPath: '/v', readonly: true, recursiveReadOnly: false },
      propagation: 'PROPAGATION_PRIVATE',
      image: {
        ...{ image: 'sha256:1', userSpecifiedImage: 'data:1', runtimeHandler: 'sealed-handler' },
        annotations: { a: 'b' },
      },
      imageSubPath: 'etc',
    },
  ]);
  t.same(asked, [{ container: { name: '', image: 'data:1' }, secrets }]);
  t.same(events, [['Normal', 'Pulled', 'pulled']], 'about the pod, not a container');
});

void t.test('it is pulled under its own policy', async (t) => {
  for (const pullPolicy of ['Always', 'IfNotPresent', 'Never'] as const) {
    const { mounts, asked } = scene({ name: 'v', image: { ...image, pullPolicy } });
    await mounts();
    t.match(asked, [{ container: { imagePullPolicy: pullPolicy } }]);
  }
});

void t.test('an image that can’t be had holds the container', async (t) => {
  const problem = new PodProblem('ErrImagePull', 'none');
  const { mounts } = scene({ name: 'v', image }, {}, () => Promise.reject(problem));
  t.match(await mounts().catch((error: unknown) => error), { reason: 'ErrImagePull' });
});

void t.test('a path in an image can’t lead out of it', async (t) => {
  for (const subPath of ['/etc', '../x', 'a/../../x']) {
    const { mounts, asked } = scene({ name: 'v', image }, { subPath });
    const refused = await mounts().catch((error: unknown) => error);
    t.match(refused, { reason: 'CreateContainerConfigError' });
    t.same(asked, []);
  }
});

void t.test('any other volume is mounted from where it lies', async (t) => {
  const { mounts, asked } = scene({ name: 'v', emptyDir: {} });
  t.match(await mounts(), [{ containerPath: '/v', hostPath: '/disk', readonly: true }]);
  t.same(asked, []);
});
