import type { Test } from 'tap';
import type { Container, EnvVar, Pod } from '../../../src/kube/api.ts';
import { parseQuantity } from '../../../src/kube/quantity.ts';
import { asDesired, makePod } from './engine.ts';
import { scripted, type PodScene } from './pod-scene.ts';

/** What containers find in their environment, and what becomes of those that can't have theirs. */
export async function environments(t: Test, scene: PodScene): Promise<void> {
  await t.test('every field of the pod and every resource', (t) => ofFields(t, scene));
  await t.test('whole ConfigMaps and Secrets, with prefixes', (t) => ofObjects(t, scene));
  await t.test('a key that is missing, until it is there', (t) => untilThere(t, scene));
  await t.test('variables in a file of a volume', (t) => ofFiles(t, scene));
  await t.test('a file behind a link that leads out is not read', (t) => ofLinks(t, scene));
}

/** Ends with the values of these variables, one to a line. */
function printing(env: EnvVar[], more: Partial<Container> = {}): Container {
  const script = env.map(({ name }) => `echo "${name}=$${name}"`).join('; ');
  return scripted(script, { env, ...more });
}

async function ofFields(t: Test, scene: PodScene): Promise<void> {
  const { allocatable, hostIPs } = scene.engine.context.node;
  const field = (name: string, fieldPath: string): EnvVar => ({
    ...{ name, valueFrom: { fieldRef: { fieldPath } } },
  });
  const resource = (
    name: string,
    resource: string,
    divisor = '0',
    containerName?: string,
  ): EnvVar => ({
    name,
    valueFrom: {
      resourceFieldRef: { resource, divisor, ...(containerName ? { containerName } : {}) },
    },
  });
  const env = [
    field('NAME', 'metadata.name'),
    field('NAMESPACE', 'metadata.namespace'),
    field('UID', 'metadata.uid'),
    field('LABEL', "metadata.labels['app']"),
    field('NOTE', "metadata.annotations['towns.example/note']"),
    field('NODE', 'spec.nodeName'),
    field('ACCOUNT', 'spec.serviceAccountName'),
    field('IP', 'status.podIP'),
    field('IPS', 'status.podIPs'),
    field('HOST', 'status.hostIP'),
    field('HOSTS', 'status.hostIPs'),
    resource('CPU', 'limits.cpu'),
    resource('MILLI_CPU', 'limits.cpu', '1m'),
    resource('MEBI', 'limits.memory', '1Mi'),
    resource('REQUEST', 'requests.memory', '1Ki'),
    resource('DISK', 'limits.ephemeral-storage'),
    resource('DISK_REQUEST', 'requests.ephemeral-storage'),
    resource('OTHERS_CPU', 'limits.cpu', '1', 'other'),
    { name: 'PRICE', value: '$$(NAME) $(LABEL)$ $(NONE' },
  ];
  const pod = makePod('fields', {
    restartPolicy: 'Never',
    serviceAccountName: 'robot',
    containers: [
      printing(env, {
        args: ['zero', '$(NAME) $$(NAME) $(NONE)'],
        command: [
          'sh',
          '-c',
          `${env.map(({ name }) => `echo "${name}=$${name}"`).join('; ')}; echo "ARGS=$1"; echo "DIR=$(pwd)"`,
        ],
        resources: { limits: { cpu: '1500m', memory: '100Mi' }, requests: { memory: '3000' } },
        workingDir: '/tmp',
      }),
      scripted('true', { name: 'other', resources: { limits: { cpu: '2001m' } } }),
    ],
  });
  pod.metadata.annotations = { 'towns.example/note': 'a "b"' };
  scene.engine.put(asDesired('Pod', pod));
  const { podIP = '' } = await scene.untilOver(pod);
  const expected = {
    ...{ NAME: 'fields', NAMESPACE: 'berlin', UID: pod.metadata.uid, LABEL: 'fields' },
    ...{ NOTE: 'a "b"', NODE: 'd.test', ACCOUNT: 'robot', IP: podIP, IPS: podIP },
    ...{ HOST: hostIPs[0], HOSTS: hostIPs.join(',') },
    ...{ CPU: '2', MILLI_CPU: '1500', MEBI: '100', REQUEST: '3' },
    DISK: String(parseQuantity(allocatable['ephemeral-storage'] ?? '') / 1_000_000_000n),
    ...{ DISK_REQUEST: '0', OTHERS_CPU: '3', PRICE: '$(NAME) fields$ $(NONE' },
    ...{ ARGS: 'fields $(NAME) $(NONE)', DIR: '/tmp' },
  };
  const lines = (await scene.outputOf(pod)).trim().split('\n');
  t.same(Object.fromEntries(lines.map((line) => line.split(/=(.*)/).slice(0, 2))), expected);
  t.match(podIP, /^\d+\.\d+\.\d+\.\d+$/);
  scene.engine.remove(pod);
}

async function ofObjects(t: Test, scene: PodScene): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  scene.engine.put(
    asDesired('ConfigMap', {
      metadata: { name: 'town', namespace: 'berlin' },
      data: { COLOR: 'green', SIZE: 'big' },
    } as never),
    asDesired('Secret', {
      metadata: { name: 'vault', namespace: 'berlin' },
      data: { COLOR: base64('blue'), WORD: base64('open') },
    } as never),
  );
  const none = { name: 'none', optional: true };
  const { output } = await scene.run(
    'objects',
    scripted('env | grep -E "^(T_|COLOR|SIZE|WORD|OWN|MAYBE)" | sort', {
      envFrom: [
        { prefix: 'T_', configMapRef: { name: 'town' } },
        { configMapRef: { name: 'town' } },
        { secretRef: { name: 'vault' } },
        { configMapRef: none },
        { secretRef: none },
      ],
      env: [
        { name: 'OWN', value: '$(COLOR)-$(T_COLOR)' },
        { name: 'SIZE', value: 'small' },
        { name: 'MAYBE1', valueFrom: { configMapKeyRef: { ...none, key: 'x' } } },
        { name: 'MAYBE2', valueFrom: { secretKeyRef: { ...none, name: 'vault', key: 'x' } } },
      ],
    }),
  );
  t.equal(output, 'COLOR=blue\nOWN=blue-green\nSIZE=small\nT_COLOR=green\nT_SIZE=big\nWORD=open\n');
}

async function untilThere(t: Test, scene: PodScene): Promise<void> {
  const late = (data: object): void => {
    const metadata = { name: 'late', namespace: 'berlin' };
    scene.engine.put(asDesired('ConfigMap', { metadata, data } as never));
  };
  late({});
  const wish: EnvVar = {
    ...{ name: 'WISH', valueFrom: { configMapKeyRef: { name: 'late', key: 'wish' } } },
  };
  const pod = makePod('wishing', { restartPolicy: 'Never', containers: [printing([wish])] });
  const message = "couldn't find key wish in ConfigMap berlin/late";
  t.match(await refusalOf(scene, pod), { reason: 'CreateContainerConfigError', message });
  const event = await scene.untilEvent(pod, 'Failed', /^Error: /);
  t.match(event, {
    ...{ type: 'Warning', message: `Error: ${message}`, fieldPath: 'spec.containers{main}' },
  });
  late({ wish: 'granted' });
  t.match(await scene.untilOver(pod), { phase: 'Succeeded' });
  t.equal(await scene.outputOf(pod), 'WISH=granted\n');
  scene.engine.remove(pod);
}

/** Why the only container of a new pod can't be started. */
async function refusalOf(
  { engine }: PodScene,
  pod: Pod,
): Promise<{ reason?: string; message?: string } | undefined> {
  engine.put(asDesired('Pod', pod));
  const { containerStatuses } = await engine.until(
    pod,
    'refused',
    ({ containerStatuses: [it] = [] }) => /Error$/.test(it?.state.waiting?.reason ?? ''),
  );
  return containerStatuses?.[0]?.state.waiting;
}

function withFile(name: string, script: string, keys: { key: string; optional?: boolean }[]): Pod {
  const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
  const env = keys.map(({ key, optional }) => ({
    name: key,
    valueFrom: {
      fileKeyRef: {
        ...{ volumeName: 'shared', path: 'made/env', key },
        ...(optional === undefined ? {} : { optional }),
      },
    },
  }));
  return makePod(name, {
    restartPolicy: 'Never',
    initContainers: [scripted(script, { name: 'init', volumeMounts })],
    containers: [printing(env)],
    volumes: [{ name: 'shared', emptyDir: {} }],
  });
}

const write = `mkdir /shared/made; printf "# made\\nCOLOR='green'\\nLONG='a\\nb'\\n" >/shared/made/env`;

async function ofFiles(t: Test, scene: PodScene): Promise<void> {
  const keys = [{ key: 'COLOR' }, { key: 'LONG' }, { key: 'NONE', optional: true }];
  const pod = withFile('from-file', write, keys);
  scene.engine.put(asDesired('Pod', pod));
  t.match(await scene.untilOver(pod), { phase: 'Succeeded' });
  t.equal(await scene.outputOf(pod), 'COLOR=green\nLONG=a\nb\nNONE=\n');
  const lacking = withFile('from-lacking-file', write, [{ key: 'NONE' }]);
  t.match(await refusalOf(scene, lacking), {
    reason: 'CreateContainerConfigError',
    message: /^environment variable key "NONE" not found in file ".*\/made\/env"$/,
  });
  for (const each of [pod, lacking]) scene.engine.remove(each);
}

async function ofLinks(t: Test, scene: PodScene): Promise<void> {
  const link = 'mkdir /shared/made; ln -s /proc/1/environ /shared/made/env';
  const pipe = 'mkdir /shared/made; mkfifo /shared/made/env';
  for (const [name, script] of Object.entries({ link, pipe })) {
    const pod = withFile(`from-${name}`, script, [{ key: 'HOME' }]);
    t.match(await refusalOf(scene, pod), {
      ...{ reason: 'CreateContainerConfigError', message: /^couldn't parse env file$/ },
    });
    scene.engine.remove(pod);
  }
}
