import { randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { busyboxImage, describeImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages, labRequirements } from '../../../hack/lab/packages.ts';
import { registryRequirements, startRegistry, type Registry } from '../../../hack/lab/registry.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Container, Pod, PodStatus, Secret } from '../../../src/kube/api.ts';
import { asDesired, Engine, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(240_000);
await ensurePackages(progress, [...labRequirements, ...registryRequirements]);
await sweepLabs({ progress });
const lab = await createLab({ name: `images-${process.pid}`, progress });
const device = await lab.startDevice({ name: 'd' });
let engine = await Engine.start(device);
t.teardown(async () => {
  await engine.stop();
  await lab.stop();
});

const user = { name: 'berlin', password: 'right' };
const open = await startRegistry(lab, { name: 'open' });
const closed = await startRegistry(lab, { name: 'closed', user });
for (const registry of [open, closed]) await registry.openTo(device);

/** Puts an image of its own into a registry. @returns its name */
async function publish(registry: Registry, path: string, bytes = 10): Promise<string> {
  const filling = { kind: 'file', path: 'filling', content: randomBytes(bytes) } as const;
  const image = { name: path, members: [filling] };
  return registry.publish(path, await describeImage(image, { progress }));
}

function keyOf(password: string, form: 'new' | 'legacy' = 'new', name = 'key'): Secret {
  const auths = { [closed.host]: { username: user.name, password } };
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64');
  const data =
    form === 'new' ? { '.dockerconfigjson': encode({ auths }) } : { '.dockercfg': encode(auths) };
  return { metadata: { name, namespace: 'berlin', uid: randomUUID() }, data };
}

function podOf(name: string, image: string, more: Partial<Container> = {}, secret?: string): Pod {
  const command = ['sleep', '1000'];
  return makePod(name, {
    containers: [{ name: 'main', image, command, ...more }],
    ...(secret === undefined ? {} : { imagePullSecrets: [{ name: secret }] }),
  });
}

const isRunning = ({ phase }: PodStatus): boolean => phase === 'Running';

function waitsFor(reason: string): (status: PodStatus) => boolean {
  return ({ containerStatuses: [main] = [] }) => main?.state.waiting?.reason === reason;
}

async function run(pod: Pod): Promise<string[]> {
  engine.put(asDesired('Pod', pod));
  await engine.until(pod, 'Running', isRunning);
  return eventsOf(pod);
}

/** What was said of a pod's image, each thing once. */
function eventsOf(pod: Pod): string[] {
  const about = ['Pulling', 'Pulled', 'Failed', 'BackOff', 'ErrImageNeverPull', 'InspectFailed'];
  const more = 'FailedToRetrieveImagePullSecret';
  return engine.context.events.recent
    .filter(({ pod: { uid } }) => uid === pod.metadata.uid)
    .filter(({ reason }) => [...about, more].includes(reason))
    .map(({ reason, message }) => `${reason}: ${message}`);
}

void t.test('pull policies', async (t) => {
  const image = await publish(open, 'app:1');
  const never = podOf('never', image, { imagePullPolicy: 'Never' });
  engine.put(asDesired('Pod', never));
  const { containerStatuses } = await engine.until(never, 'waiting', waitsFor('ErrImageNeverPull'));
  const absent = `Container image "${image}" is not present with pull policy of Never`;
  t.match(containerStatuses, [{ state: { waiting: { message: absent } } }]);
  t.same(eventsOf(never), [`ErrImageNeverPull: ${absent}`, 'Failed: Error: ErrImageNeverPull']);

  const [pulling, pulled = ''] = await run(podOf('first', image));
  t.equal(pulling, `Pulling: Pulling image "${image}"`);
  t.match(
    pulled,
    /^Pulled: Successfully pulled image ".*" in [\d.]+m?s \([\d.]+m?s including waiting\)\. Image size: \d+ bytes\.$/,
  );
  t.same(await run(podOf('second', image)), [
    `Pulled: Container image "${image}" already present on machine and can be accessed by the pod`,
  ]);
  const again = await run(podOf('again', image, { imagePullPolicy: 'Always' }));
  t.equal(again[0], `Pulling: Pulling image "${image}"`);
  await engine.until(never, 'Running', isRunning, 90_000);
});

void t.test('names that are none of an image', async (t) => {
  const hash = 'a'.repeat(64);
  for (const [image, problem] of [
    ['UPPER', 'invalid reference format: repository name (library/UPPER) must be lowercase'],
    [hash, `invalid repository name (${hash}), cannot specify 64-byte hexadecimal strings`],
    ['a//b', 'invalid reference format'],
  ] as const) {
    const pod = podOf('misnamed', image);
    engine.put(asDesired('Pod', pod));
    const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": ${problem}`;
    const { containerStatuses } = await engine.until(pod, 'waiting', waitsFor('InvalidImageName'));
    t.match(containerStatuses, [{ state: { waiting: { message } } }]);
    t.same(eventsOf(pod), [`InspectFailed: ${message}`, 'Failed: Error: InvalidImageName']);
    engine.remove(pod);
  }
});

void t.test('a private image is pulled with a Secret of either form', async (t) => {
  const [image, other] = [await publish(closed, 'a/app:1'), await publish(closed, 'b/app:1')];
  engine.put(
    asDesired('Secret', keyOf(user.password, 'new', 'new')),
    asDesired('Secret', keyOf(user.password, 'legacy', 'old')),
  );
  t.match(await run(podOf('new', image, {}, 'new')), [/^Pulling/, /^Pulled: Successfully/]);
  t.match(await run(podOf('old', other, {}, 'old')), [/^Pulling/, /^Pulled: Successfully/]);

  const bare = podOf('bare', image);
  engine.put(asDesired('Pod', bare));
  await engine.until(bare, 'refused although the image is there', waitsFor('ErrImagePull'));
  t.match(
    eventsOf(bare)[1],
    /^Failed: Failed to pull image ".*": .*(401 Unauthorized|authorization failed)/,
  );
  const lost = podOf('lost', image, {}, 'absent');
  engine.put(asDesired('Pod', lost));
  await engine.until(lost, 'refused', waitsFor('ErrImagePull'));
  t.match(
    eventsOf(lost)[0],
    /^FailedTo.*: Unable to retrieve some image pull secrets \(absent\); attempting/,
  );
  const never = podOf('hidden', image, { imagePullPolicy: 'Never' });
  engine.put(asDesired('Pod', never));
  await engine.until(never, 'refused', waitsFor('ErrImageNeverPull'));
  t.match(await run(podOf('same', image, {}, 'old')), [/^Pulled: Container image .* present/]);
});

void t.test('a wrong password, until the Secret is corrected', async (t) => {
  const image = await publish(closed, 'c/app:1');
  const key = keyOf('wrong');
  const pod = podOf('guess', image, {}, 'key');
  engine.put(asDesired('Secret', key), asDesired('Pod', pod));
  const failed = await engine.until(pod, 'failing', waitsFor('ErrImagePull'));
  const problem = failed.containerStatuses?.[0]?.state.waiting?.message ?? '';
  t.match(problem, /401 Unauthorized|authorization failed/);
  const { containerStatuses } = await engine.until(pod, 'held', waitsFor('ImagePullBackOff'));
  const message = `Back-off pulling image "${image}": ErrImagePull: ${problem}`;
  t.equal(containerStatuses?.[0]?.state.waiting?.message, message);
  t.same(eventsOf(pod), [
    `Pulling: Pulling image "${image}"`,
    `Failed: Failed to pull image "${image}": ${problem}`,
    'Failed: Error: ErrImagePull',
    `BackOff: Back-off pulling image "${image}"`,
    'Failed: Error: ImagePullBackOff',
  ]);
  const { data } = keyOf(user.password);
  engine.put(asDesired('Secret', { ...key, ...(data && { data }) }));
  await engine.until(pod, 'Running at once', isRunning, 8_000);
});

/** Of a duration as an event tells it. */
function msOf(duration: string): number {
  const [, minutes = '0', amount = '0', unit] = /^(?:(\d+)m)?([\d.]+)(m?s)$/.exec(duration) ?? [];
  return Number(minutes) * 60_000 + Number(amount) * (unit === 's' ? 1000 : 1);
}

void t.test('two pulls at a time, and the third waits', async (t) => {
  const pods: Pod[] = [];
  for (const path of ['e', 'f', 'g']) {
    pods.push(podOf(`queued-${path}`, await publish(open, `${path}/app:1`, 2_000_000)));
  }
  await device.limitUplink(8_000);
  engine.put(...pods.map((pod) => asDesired('Pod', pod)));
  for (const pod of pods) await engine.until(pod, 'Running', isRunning, 60_000);
  await device.limitUplink(undefined);
  const waitedMs = pods.map((pod) => {
    const told = eventsOf(pod).join('\n');
    const [, took = '', inAll = ''] = / in (\S+) \((\S+) including waiting\)/.exec(told) ?? [];
    return msOf(inAll) - msOf(took);
  });
  t.equal(waitedMs.filter((ms) => ms > 500).length, 1, waitedMs.join());
});

const fillingBytes = 6_000_000;

/** Starts a pod whose image takes some eight seconds, and waits until half of it has come. */
async function beginPull(pod: Pod): Promise<void> {
  const before = await received();
  await device.limitUplink(8_000);
  engine.put(asDesired('Pod', pod));
  await waitFor(async () => (await received()) - before > fillingBytes / 2, {
    what: 'half of the image to be there',
    timeoutMs: 60_000,
  });
}

/** The size of a pod's image, as its event tells it. */
function sizeIn(pod: Pod): number {
  const [, bytes] = /Image size: (\d+) bytes/.exec(eventsOf(pod).join('\n')) ?? [];
  return Number(bytes);
}

/** Waits until nothing has come for a second. */
async function standstill(): Promise<void> {
  let last = await received();
  const isStill = async (): Promise<boolean> => {
    const before = last;
    last = await received();
    return last === before;
  };
  await waitFor(isStill, { what: 'the link to be silent', timeoutMs: 60_000, intervalMs: 1_000 });
}

async function received(): Promise<number> {
  return (await device.uplinkTraffic()).receivedBytes;
}

void t.test('a pull goes on where a lost link broke it off', async (t) => {
  const pod = podOf('unplugged', await publish(open, 'large:1', fillingBytes));
  const before = await received();
  await beginPull(pod);
  await device.uplinkDown();
  await standstill();
  t.ok(waitsFor('ContainerCreating')(engine.status(pod) ?? {}), 'it waits for the link');
  await device.uplinkUp();
  await engine.until(pod, 'Running', isRunning, 120_000);
  t.ok((await received()) - before < 1.25 * sizeIn(pod), 'what was there was not fetched again');
  await device.limitUplink(undefined);
});

void t.test('a pull whose connection was lost begins anew by itself', async () => {
  const pod = podOf('broken', await publish(open, 'larger:1', fillingBytes));
  await beginPull(pod);
  await open.kill();
  await engine.until(pod, 'failing', waitsFor('ErrImagePull'), 60_000);
  await device.limitUplink(undefined);
  await open.start();
  await engine.until(pod, 'Running', isRunning, 120_000);
});

/** The device's next start: its store can't be read any more, and perhaps it is of another site. */
async function loseStore(owner?: string): Promise<void> {
  await engine.stop();
  await writeFile(join(device.dir, 'towline', 'store.db'), 'no database, however long it may be');
  engine = await Engine.start(device, owner === undefined ? {} : { owner });
}

void t.test('after a store that can not be read images are whose they were', async (t) => {
  const [publicly, privately] = [await publish(open, 'd/app:1'), await publish(closed, 'd/app:1')];
  engine.put(asDesired('Secret', keyOf(user.password)));
  await run(podOf('one', publicly));
  await run(podOf('two', privately, {}, 'key'));
  await open.kill();
  await closed.kill();

  await loseStore();
  engine.put(asDesired('Secret', keyOf(user.password)));
  const present = [
    /^Pulled: Container image .* already present on machine and can be accessed by the pod$/,
  ];
  t.match(await run(podOf('loaded', busyboxImage)), present, 'there was no registry for it ever');
  t.match(await run(podOf('public', publicly)), present);
  t.match(await run(podOf('private', privately, {}, 'key')), present);
  const bare = podOf('bare-again', privately);
  engine.put(asDesired('Pod', bare));
  await engine.until(bare, 'refused', waitsFor('ErrImagePull'));

  await loseStore('spiffe://test/next');
  engine.put(asDesired('Secret', keyOf(user.password)));
  for (const image of [busyboxImage, publicly, privately]) {
    const pod = podOf(`next-${randomUUID()}`, image, {}, 'key');
    engine.put(asDesired('Pod', pod));
    await engine.until(pod, 'refused', waitsFor('ErrImagePull'));
  }
});
