import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cgroupFolders } from '../../../hack/lab/cgroups.ts';
import { mountsUnder } from '../../../hack/lab/mounts.ts';
import type { Container } from '../../../src/edge-runner/cri/container-messages.ts';
import type { CriClient } from '../../../src/edge-runner/cri/cri-client.ts';
import { labels } from '../../../src/edge-runner/pod/runtime.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { isRunning, type Cluster } from '../../e2e/cluster.ts';
import type { Fleet, Member } from './fleet.ts';

/** Where the traces of pods are looked for. */
export interface Scene {
  readonly cluster: Cluster;
  readonly fleet: Fleet;
  readonly cri: CriClient;
  /** Uids of pods of which a container that had begun began again, for its start was broken off. */
  readonly brokenOff: Set<string>;
}

/**
 * What is not as it should be once all is quiet: cloud and device hold exactly the pods that are to be
 * there, each container was started once and is the one of before, and nothing is left of any other.
 */
export async function disagreements(scene: Scene): Promise<string[]> {
  const found: string[] = [];
  const pods = await listPods(scene.cluster);
  const device = await lookAtDevice(scene);
  const expected = new Map(scene.fleet.members.map((member) => [member.uid, member]));
  for (const [uid, { metadata }] of pods) {
    if (!expected.has(uid)) found.push(`the cloud still has ${metadata.name} ${uid}`);
  }
  for (const [what, uids] of device.traces) {
    for (const uid of uids) {
      if (!expected.has(uid)) found.push(`${what} of ${uid} is left on the device`);
    }
  }
  for (const member of expected.values()) {
    const pod = pods.get(member.uid);
    if (pod === undefined) found.push(`${member.name} is not in the cloud`);
    else found.push(...(await checkMember(scene, member, pod, device)));
  }
  found.push(...device.strangers);
  return found;
}

interface DeviceView {
  /** Uids of pods of which there is something, by what it is. */
  readonly traces: Map<string, Set<string>>;
  /** Ids of each container's newest instance by pod, in the order of their creation. */
  readonly containers: Map<string, string[]>;
  readonly strangers: string[];
}

async function checkMember(
  scene: Scene,
  member: Member,
  pod: Pod,
  device: DeviceView,
): Promise<string[]> {
  const found: string[] = [];
  const { name, uid, kind } = member;
  const isOver = kind === 'once';
  const phase = pod.status?.phase ?? 'unknown';
  if (isOver ? phase !== 'Succeeded' : !isRunning(pod)) found.push(`${name} is ${phase}`);
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const statuses = [...initContainerStatuses, ...containerStatuses];
  const reported = statuses.map(({ containerID }) => containerID?.split('//')[1] ?? '').join();
  const there = (device.containers.get(uid) ?? []).join();
  if (reported !== there) found.push(`${name} is ${reported} in the cloud, ${there} on the device`);
  const starts = await startsOf(scene, member);
  const due = kind === 'init' ? 'init,main' : 'main';
  if (starts !== due) found.push(`${name} has started ${starts || 'nothing'}, not ${due}`);
  if (isOver && device.traces.get('a mount')?.has(uid) === true) {
    found.push(`${name} has ended and has a volume mounted`);
  }
  if (found.length === 0) {
    if (member.containerIds !== undefined && member.containerIds !== there) {
      found.push(`${name} was ${member.containerIds} and is ${there}`);
    }
    member.containerIds ??= there;
  }
  return found;
}

/**
 * The words of a pod's containers. One whose start was broken off by the end of containerd or of the
 * runner has begun, maybe; containerd 1.6 ends it then, or takes it for one that never ran and ends it as
 * it starts (`test/integration/edge-runner/interrupted-start.test.ts`), so that it begins once more. Only
 * what the runner was told of that start makes a second beginning right.
 */
async function startsOf(scene: Scene, { uid }: Member): Promise<string> {
  const words = await scene.fleet.starts(uid);
  const once = words.filter((word, index) => words[index - 1] !== word);
  if (once.length === words.length) return words.join();
  const log = await readFile(scene.cluster.site.runner.logFile, 'utf8');
  if (words.length - once.length > brokenStarts(log, uid)) return words.join();
  scene.brokenOff.add(uid);
  return once.join();
}

/** How often the runner lost containerd during a start, or found one that an earlier runner had not seen to its end. */
function brokenStarts(log: string, podUid: string): number {
  const isOne = (line: string): boolean =>
    (line.includes('"method":"StartContainer"') && line.includes('"code":"UNAVAILABLE"')) ||
    line.includes('"msg":"the start of a container was broken off');
  return log.split('\n').filter((line) => line.includes(`"uid":"${podUid}"`) && isOne(line)).length;
}

async function listPods(cluster: Cluster): Promise<Map<string, Pod>> {
  const text = await cluster.kubectl('get', 'pods', '-o', 'json');
  const { items } = JSON.parse(text) as { items: Pod[] };
  return new Map(items.map((pod) => [pod.metadata.uid ?? '', pod]));
}

async function lookAtDevice({ cluster, cri }: Scene): Promise<DeviceView> {
  const { device } = cluster.site;
  const [sandboxes, containers, listed] = await Promise.all([
    cri.listPodSandbox(),
    cri.listContainers(),
    device.ctr('containers', 'ls', '-q'),
  ]);
  const uidOf = (item: { labels: Record<string, string> }): string =>
    item.labels[labels.podUid] ?? 'nobody';
  const folders = [join(device.dir, 'towline'), join(device.dir, 'memory')];
  const mounts = (await Promise.all(folders.map((folder) => mountsUnder(folder)))).flat();
  const known = new Set([...sandboxes.items, ...containers.containers].map(({ id }) => id));
  const newest = containers.containers.filter((item) => !containers.containers.some(isAfter(item)));
  const byAge = newest.toSorted((a, b) => Number(a.createdAt - b.createdAt));
  const idsByPod = new Map<string, string[]>();
  for (const item of byAge) {
    idsByPod.set(uidOf(item), [...(idsByPod.get(uidOf(item)) ?? []), item.id]);
  }
  return {
    traces: new Map([
      ['a sandbox', new Set(sandboxes.items.map(uidOf))],
      ['a container', new Set(containers.containers.map(uidOf))],
      ['a mount', uidsIn(mounts.filter((path) => path.includes('/pods/')))],
      ['a folder', uidsIn((await Promise.all(folders.map(podFolders))).flat())],
      ['a log', uidsIn(await entriesOf(join(device.dir, 'pod-logs')))],
      ['a cgroup', uidsIn(await cgroupsBelow(device.cgroupRoot))],
    ]),
    containers: idsByPod,
    strangers: [
      ...listed
        .trim()
        .split('\n')
        .filter((id) => id !== '' && !known.has(id))
        .map((id) => `containerd has container ${id}, and CRI doesn't know it`),
      ...moreThanOne(sandboxes.items.map(uidOf)).map((uid) => `${uid} has several sandboxes`),
    ],
  };
}

/**
 * Whether another is a later instance of the same container. A start that was under way when its runner
 * was killed fails, and leaves an instance that never ran; what has run tells it itself.
 */
function isAfter(item: Container): (other: Container) => boolean {
  const attempt = item.metadata?.attempt ?? 0;
  return (other) =>
    other.labels[labels.podUid] === item.labels[labels.podUid] &&
    other.labels[labels.containerName] === item.labels[labels.containerName] &&
    (other.metadata?.attempt ?? 0) > attempt;
}

function podFolders(root: string): Promise<string[]> {
  return entriesOf(join(root, 'pods'));
}

async function cgroupsBelow(root: string): Promise<string[]> {
  const folders = await cgroupFolders(root);
  const qos = folders.flatMap((folder) =>
    ['', 'burstable', 'besteffort'].map((q) => join(folder, q)),
  );
  return (await Promise.all(qos.map(entriesOf))).flat().filter((name) => name.startsWith('pod'));
}

function entriesOf(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

function uidsIn(names: readonly string[]): Set<string> {
  const uid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;
  return new Set(names.map((name) => uid.exec(name)?.[0]).filter((found) => found !== undefined));
}

function moreThanOne(uids: readonly string[]): string[] {
  return uids.filter((uid, index) => uids.indexOf(uid) !== index);
}
