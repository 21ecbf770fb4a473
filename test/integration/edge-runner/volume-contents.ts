import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Pod, Volume, VolumeMount } from '../../../src/kube/api.ts';
import { asDesired, makePod } from './engine.ts';
import { imageVolumes } from './image-volumes.ts';
import { endOf, shell, type VolumeScene } from './volume-scene.ts';

/** What volumes hold that the runner writes: as containers see it, and where it lies. */
export async function volumeContents(t: Test, scene: VolumeScene): Promise<void> {
  await t.test('files have the names, modes and owners that a pod asks for', (t) =>
    asAsked(t, scene),
  );
  await t.test('contents change in one step while a container reads them', (t) =>
    changesAtomically(t, scene),
  );
  await t.test('Secrets and tokens are on no disk', (t) => onNoDisk(t, scene));
  await t.test('what is optional may be missing, and comes later', (t) => comesLater(t, scene));
  await t.test('an emptyDir is shared, outlives its containers, and has its size', (t) =>
    scratch(t, scene),
  );
  await imageVolumes(t, scene);
  await t.test('a subPathExpr names a folder by a variable', (t) => bySubPathExpr(t, scene));
}

function at(...names: string[]): VolumeMount[] {
  return names.map((name) => ({ name, mountPath: `/${name}` }));
}

function configMap(name: string, data: Record<string, string>): ReturnType<typeof asDesired> {
  return asDesired('ConfigMap', { metadata: { name, namespace: 'berlin' }, data } as never);
}

function secret(name: string, data: Record<string, string>): ReturnType<typeof asDesired> {
  const encoded = Object.entries(data).map(([key, value]) => [key, btoa(value)] as const);
  const object = { metadata: { name, namespace: 'berlin' }, data: Object.fromEntries(encoded) };
  return asDesired('Secret', object);
}

async function asAsked(t: Test, scene: VolumeScene): Promise<void> {
  const items = [
    { key: 'color', path: 'deep/hue', mode: 0o400 },
    { key: 'shape', path: 'shape' },
  ];
  const volumes: Volume[] = [
    { name: 'conf', configMap: { name: 'asked', items, defaultMode: 0o440 } },
    { name: 'key', secret: { secretName: 'asked', defaultMode: 0o400 } },
    {
      name: 'about',
      downwardAPI: {
        items: [
          { path: 'name', fieldRef: { fieldPath: 'metadata.name' } },
          { path: 'uid', fieldRef: { fieldPath: 'metadata.uid' } },
          { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
          { path: 'label', fieldRef: { fieldPath: "metadata.labels['app']" } },
          {
            ...{ path: 'cpu', mode: 0o600 },
            resourceFieldRef: { containerName: 'main', resource: 'limits.cpu', divisor: '1m' },
          },
        ],
      },
    },
    {
      name: 'all',
      projected: {
        defaultMode: 0o404,
        sources: [
          { configMap: { name: 'asked', items: [{ key: 'shape', path: 'c/shape' }] } },
          { secret: { name: 'asked' } },
          {
            downwardAPI: { items: [{ path: 'ns', fieldRef: { fieldPath: 'metadata.namespace' } }] },
          },
          { serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } },
        ],
      },
    },
  ];
  const files =
    'conf/deep/hue conf/shape key/pw about/name about/labels about/label about/cpu all/c/shape all/pw all/ns all/token';
  const script = `cd /; for f in ${files}; do echo "$f $(stat -Lc '%a %u:%g' $f) $(head -c 6 $f)"; done >/dev/termination-log; ls conf >>/dev/termination-log; cat about/uid >>/dev/termination-log; touch conf/x key/x about/x all/x 2>&1 | grep -c Read-only >>/dev/termination-log`;
  const run = (name: string, spec: Partial<Pod['spec']>): Pod => {
    const limits = { resources: { limits: { cpu: '250m' } } };
    const main = shell('main', script, at('conf', 'key', 'about', 'all'), limits);
    return makePod(name, { restartPolicy: 'Never', containers: [main], volumes, ...spec });
  };
  const [root, group, user] = [
    run('asked', {}),
    run('asked-group', { securityContext: { fsGroup: 1234 } }),
    run('asked-user', { securityContext: { runAsUser: 1000 } }),
  ];
  scene.engine.put(
    ...[configMap('asked', { color: 'green', shape: 'round', unused: 'x' })],
    ...[
      secret('asked', { pw: 's3cret' }),
      ...[root, group, user].map((pod) => asDesired('Pod', pod)),
    ],
  );
  const rest = ({ metadata: { uid = '' } }: Pod): string => `deep\nshape\n${uid}4\n`;
  t.equal(
    (await endOf(scene, root))?.message,
    `conf/deep/hue 400 0:0 green
conf/shape 440 0:0 round
key/pw 400 0:0 s3cret
about/name 644 0:0 asked
about/labels 644 0:0 app="a
about/label 644 0:0 asked
about/cpu 600 0:0 250
all/c/shape 404 0:0 round
all/pw 404 0:0 s3cret
all/ns 404 0:0 berlin
all/token 404 0:0 token-
${rest(root)}`,
  );
  t.equal(
    (await endOf(scene, group))?.message,
    `conf/deep/hue 440 0:1234 green
conf/shape 440 0:1234 round
key/pw 440 0:1234 s3cret
about/name 644 0:1234 asked-
about/labels 644 0:1234 app="a
about/label 644 0:1234 asked-
about/cpu 640 0:1234 250
all/c/shape 444 0:1234 round
all/pw 444 0:1234 s3cret
all/ns 444 0:1234 berlin
all/token 640 0:1234 token-
${rest(group)}`,
  );
  t.match((await endOf(scene, user))?.message, '\nall/token 600 1000:0 token-\n', 'its own');
  for (const pod of [root, group, user]) {
    scene.engine.remove(pod);
    await scene.untilNothingIsLeft(pod);
  }
}

async function changesAtomically(t: Test, scene: VolumeScene): Promise<void> {
  // Of one version both files say the same; whoever follows ..data once sees one version alone. A
  // version that is over goes file by file: it counts where both files are still there when read.
  const script =
    'cd /conf; while :; do d=$(readlink ..data); a=$(cat $d/a 2>/dev/null); b=$(cat $d/b 2>/dev/null); [ -e $d/a ] && [ -e $d/b ] && [ "$a" != "$b" ] && echo "torn $a $b" >>/dev/termination-log; echo "$a" >/seen/last; done';
  const pod = makePod('atomic', {
    containers: [shell('main', script, at('conf', 'seen'))],
    volumes: [
      { name: 'conf', configMap: { name: 'atomic' } },
      { name: 'seen', emptyDir: {} },
    ],
  });
  const version = (n: number): ReturnType<typeof asDesired> =>
    configMap('atomic', { a: String(n), b: String(n) });
  scene.engine.put(version(0), asDesired('Pod', pod));
  const last = join(scene.dirsOf(pod)[0] ?? '', 'volumes/kubernetes.io~empty-dir/seen/last');
  for (let n = 0; n < 20; n += 1) {
    scene.engine.put(version(n));
    await waitFor(async () => (await readFile(last, 'utf8').catch(() => '')) === `${n}\n`, {
      ...{ what: `the container to see version ${n}`, timeoutMs: 10_000, intervalMs: 5 },
    });
  }
  t.equal(await scene.terminationMessage(pod, 'main'), '', 'never half of a change');
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
}

async function onNoDisk(t: Test, scene: VolumeScene): Promise<void> {
  const hidden = `hidden-${scene.device.name}-4711`;
  const token = { serviceAccountToken: { path: 't' } };
  const pod = makePod('secretive', {
    containers: [shell('main', 'exec sleep 1000', at('key', 'all'))],
    volumes: [
      { name: 'key', secret: { secretName: 'hidden' } },
      { name: 'all', projected: { sources: [{ secret: { name: 'hidden' } }, token] } },
    ],
  });
  scene.engine.put(secret('hidden', { pw: hidden }), asDesired('Pod', pod));
  await scene.engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  const mounts = await scene.exec(pod, 'main', 'grep -E " /(key|all) " /proc/mounts');
  t.match(mounts, /^tmpfs \/key tmpfs ro,[^\n]*\ntmpfs \/all tmpfs ro,[^\n]*\n$/);
  t.equal(await scene.exec(pod, 'main', 'cat /key/pw /all/pw'), hidden + hidden);
  const words = [hidden, await scene.exec(pod, 'main', 'cat /all/t')];
  const onDisk = await filesWith(scene.device.dir, words, join(scene.device.dir, 'memory'));
  t.same(onDisk, [], 'nothing below the device’s folder but its memory has them');
  const inMemory = await filesWith(join(scene.device.dir, 'memory'), words);
  t.ok(inMemory.length >= 3, 'and they would have been found');
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
  t.same(await filesWith(join(scene.device.dir, 'memory'), words), [], 'they go with the pod');
}

/** Regular files of one filesystem below a folder that have one of these words in them. */
async function filesWith(folder: string, words: string[], except?: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (path === except || entry.name === 'containerd') continue;
    if (entry.isDirectory()) found.push(...(await filesWith(path, words)));
    if (!entry.isFile()) continue;
    const data = await readFile(path).catch(() => Buffer.alloc(0));
    if (words.some((word) => data.includes(word))) found.push(path);
  }
  return found;
}

async function comesLater(t: Test, scene: VolumeScene): Promise<void> {
  const optional = true;
  const pod = makePod('optional', {
    containers: [shell('main', 'exec sleep 1000', at('conf', 'key', 'all', 'some'))],
    volumes: [
      { name: 'conf', configMap: { name: 'later', optional } },
      { name: 'key', secret: { secretName: 'later', optional } },
      {
        name: 'all',
        projected: {
          sources: [
            { configMap: { name: 'later', optional } },
            { secret: { name: 'later', optional } },
          ],
        },
      },
      {
        name: 'some',
        configMap: { name: 'partly', optional, items: [{ key: 'none', path: 'none' }] },
      },
    ],
  });
  scene.engine.put(configMap('partly', { other: 'x' }), asDesired('Pod', pod));
  await scene.engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  t.equal(await scene.exec(pod, 'main', 'ls /conf /key /all /some | grep -v :; true'), '\n\n\n');
  scene.engine.put(configMap('later', { c: '1' }), secret('later', { s: '2' }));
  await waitFor(
    async () => (await scene.exec(pod, 'main', 'cat /conf/c /key/s /all/c /all/s')) === '1212',
    { what: 'what was missing to come', timeoutMs: 10_000 },
  );
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
}

async function scratch(t: Test, scene: VolumeScene): Promise<void> {
  const fill = 'dd if=/dev/zero of=/ram/big bs=1M count=4 2>&1 | grep -o "No space left.*"';
  const size = (name: string): string => `df -m /${name} | tail -1 | tr -s " " | cut -d" " -f2`;
  const limits = { resources: { limits: { memory: '32Mi' } } };
  const writes = `[ -e /disk/once ] && exit 0; echo mine >/disk/once; echo mine >/ram/once; ${fill} >/dev/termination-log; exit 1`;
  const pod = makePod('scratch', {
    restartPolicy: 'OnFailure',
    initContainers: [
      shell(
        'first',
        'id -u >/disk/uid; stat -c "%a %g" /disk /ram >/disk/modes',
        at('disk', 'ram'),
      ),
    ],
    containers: [
      shell('main', writes, at('disk', 'ram'), limits),
      shell(
        'reads',
        `until [ -e /ram/once ]; do sleep 0.1; done; (cat /ram/once /disk/modes; ${size('ram')}; ${size('whole')}; touch /disk/x 2>&1) >/dev/termination-log; exit 0`,
        [{ name: 'disk', mountPath: '/disk', readOnly: true }, ...at('ram', 'whole')],
        limits,
      ),
    ],
    securityContext: { fsGroup: 1234 },
    volumes: [
      { name: 'disk', emptyDir: { sizeLimit: '1Mi' } },
      { name: 'ram', emptyDir: { medium: 'Memory', sizeLimit: '2Mi' } },
      { name: 'whole', emptyDir: { medium: 'Memory' } },
    ],
  });
  scene.engine.put(asDesired('Pod', pod));
  const over = await scene.engine.until(pod, 'over', ({ phase }) => phase === 'Succeeded', 40_000);
  const [main, reads] = ['main', 'reads'].map((name) =>
    over.containerStatuses?.find((status) => status.name === name),
  );
  t.match(main, {
    restartCount: 1,
    lastState: { terminated: { exitCode: 1, message: 'No space left on device\n' } },
  });
  t.equal(
    reads?.state.terminated?.message,
    'mine\n2777 1234\n3777 1234\n2\n64\ntouch: /disk/x: Read-only file system\n',
    'one without a size has what its pod may use',
  );
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
}

async function bySubPathExpr(t: Test, scene: VolumeScene): Promise<void> {
  const mount = { name: 'v', mountPath: '/v' };
  const expr = { ...mount, mountPath: '/own', subPathExpr: 'pods/$(POD)' };
  const env = [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }];
  const file = { name: 'conf', mountPath: '/color', subPath: 'color' };
  const script = 'echo mine >/own/f; (cat /v/pods/expr/f; cat /color) >/dev/termination-log';
  const pod = makePod('expr', {
    restartPolicy: 'Never',
    containers: [shell('main', script, [mount, expr, file], { env })],
    volumes: [
      { name: 'v', emptyDir: {} },
      { name: 'conf', configMap: { name: 'expr' } },
    ],
  });
  scene.engine.put(configMap('expr', { color: 'green\n' }), asDesired('Pod', pod));
  t.match(await endOf(scene, pod), { exitCode: 0, message: 'mine\ngreen\n' });
  scene.engine.remove(pod);
  await scene.untilNothingIsLeft(pod);
  const bad = makePod('bad-expr', {
    containers: [shell('main', 'true', [{ ...mount, subPathExpr: '$(NONE)' }])],
    volumes: [{ name: 'v', emptyDir: {} }],
  });
  scene.engine.put(asDesired('Pod', bad));
  await scene.engine.until(bad, 'refused', ({ containerStatuses }) => {
    return containerStatuses?.[0]?.state.waiting?.reason === 'CreateContainerConfigError';
  });
  scene.engine.remove(bad);
  await scene.untilNothingIsLeft(bad);
}
