import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { isRunning, shellPod, type Cluster } from '../../e2e/cluster.ts';
import { lookAtCloud, type CloudView } from './cloud-view.ts';

const lasting = ['steady', 'moody'] as const;

/** A test's setting up, on a machine that may be busy. */
const preparedWithinMs = 60_000;

/**
 * What goes on at both ends while a link is in trouble. With each turn the cloud changes a ConfigMap that
 * a pod has mounted, creates a pod and deletes the one of the turn before, and on the device a pod
 * becomes ready or stops being so. Two pods run through all of it, and write down their own starts.
 */
export class Turns {
  readonly #cluster: Cluster;
  /** The lasting pods' uids and containers, by name. */
  readonly #before = new Map<string, string>();
  #turn = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** How many turns were taken. */
  get count(): number {
    return this.#turn;
  }

  /** Starts the pods, and waits until cloud and device agree on them. */
  async prepare(): Promise<void> {
    await mkdir(this.#storyDir, { recursive: true });
    await writeFile(this.#moodFile, '');
    await this.#cluster.apply(this.#configMap(), ...lasting.map((name) => this.#pod(name)));
    for (const name of lasting) {
      const pod = await this.#cluster.untilPod(name, 'Running', isRunning, preparedWithinMs);
      this.#before.set(name, identityOf(pod));
    }
    const what = 'cloud and device to agree at first';
    await waitFor(async () => (await this.wrong()).length === 0, {
      ...{ what, timeoutMs: preparedWithinMs },
    });
  }

  /** Changes something at both ends. */
  async next(): Promise<void> {
    this.#turn += 1;
    await (this.#isMoodyReady ? writeFile(this.#moodFile, '') : rm(this.#moodFile));
    await this.#cluster.apply(
      this.#configMap(),
      shellPod(this.#cluster, this.#visitor, 'sleep 100000'),
    );
    const last = `visitor-${this.#turn - 1}`;
    await this.#cluster.kubectl('delete', 'pod', last, '--wait=false', '--ignore-not-found');
  }

  /** What of all that isn't so yet in the cloud or on the device. */
  async wrong(): Promise<string[]> {
    const view = await lookAtCloud(this.#cluster);
    const { connected = 'nothing', nodeReady = 'nothing' } = view;
    return [
      ...(connected === 'True' ? [] : [`the site is Connected=${connected}`]),
      ...(nodeReady === 'True' ? [] : [`the node is Ready=${nodeReady}`]),
      ...(await this.#wrongWithLasting(view)),
      ...this.#wrongWithVisitors(view),
      ...(await this.#wrongOnDevice(view)),
    ];
  }

  /** Which of the lasting pods are not those of the beginning, or have started more than once. */
  async restarted(): Promise<string[]> {
    const { pods } = await lookAtCloud(this.#cluster);
    const found: string[] = [];
    for (const name of lasting) {
      const starts = await readFile(join(this.#storyDir, name), 'utf8').catch(() => 'nothing');
      if (starts !== 'started\n') found.push(`${name} wrote down: ${starts.replaceAll('\n', ' ')}`);
      const pod = pods.get(name);
      const identity = pod === undefined ? 'gone' : identityOf(pod);
      if (identity !== this.#before.get(name)) found.push(`${name} is ${identity}`);
    }
    return found;
  }

  async remove(): Promise<void> {
    await this.#cluster.kubectl('delete', 'pods', '--all', '--timeout=60s');
  }

  get #isMoodyReady(): boolean {
    return this.#turn % 2 === 0;
  }

  get #visitor(): string {
    return `visitor-${this.#turn}`;
  }

  get #storyDir(): string {
    return join(this.#cluster.site.device.dir, 'story');
  }

  get #moodFile(): string {
    return join(this.#storyDir, 'mood');
  }

  async #wrongWithLasting({ pods }: CloudView): Promise<string[]> {
    const found: string[] = [];
    for (const name of lasting) {
      const pod = pods.get(name);
      const ready = pod !== undefined && isRunning(pod);
      const due = name === 'steady' || this.#isMoodyReady;
      if (ready !== due) found.push(`${name} is ${ready ? 'ready' : 'not ready'}`);
    }
    const turn = await this.#turnOnDevice(pods.get('moody'));
    if (turn !== String(this.#turn)) found.push(`the ConfigMap is of turn ${turn}`);
    return found;
  }

  #wrongWithVisitors({ pods }: CloudView): string[] {
    const due = this.#turn === 0 ? [] : [this.#visitor];
    const there = [...pods.keys()].filter((name) => name.startsWith('visitor-'));
    const found = there.filter((name) => !due.includes(name)).map((name) => `${name} is there`);
    const visitor = pods.get(this.#visitor);
    if (due.length > 0 && (visitor === undefined || !isRunning(visitor))) {
      found.push(`${this.#visitor} isn't running`);
    }
    return found;
  }

  async #wrongOnDevice({ pods }: CloudView): Promise<string[]> {
    const text = await this.#cluster.site.device.ctr('containers', 'ls', '-q');
    const count = text.split('\n').filter((line) => line !== '').length;
    // A sandbox and a container each.
    const due = 2 * pods.size;
    return count === due ? [] : [`there are ${count} containers, not ${due}`];
  }

  /** What the mounted ConfigMap says, as its pod sees it. */
  async #turnOnDevice(pod: Pod | undefined): Promise<string> {
    const volumes = join(
      ...[this.#cluster.site.device.dir, 'towline/pods', pod?.metadata.uid ?? 'nobody'],
      'volumes/kubernetes.io~configmap/conf',
    );
    return readFile(join(volumes, 'turn'), 'utf8').catch(() => 'nobody knows');
  }

  #configMap(): object {
    const data = { turn: String(this.#turn) };
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'conf' }, data };
  }

  #pod(name: string): object {
    const volumes = [
      { name: 'story', hostPath: { path: this.#storyDir } },
      { name: 'conf', configMap: { name: 'conf' } },
    ];
    const volumeMounts = volumes.map((volume) => ({
      ...{ name: volume.name, mountPath: `/mnt/${volume.name}` },
    }));
    const probe = { exec: { command: ['test', '-e', '/mnt/story/mood'] }, periodSeconds: 1 };
    const readinessProbe = { ...probe, failureThreshold: 1 };
    return shellPod(
      this.#cluster,
      name,
      `echo started >> /mnt/story/${name}; sleep 100000`,
      { volumes },
      { volumeMounts, image: busyboxImage, ...(name === 'moody' ? { readinessProbe } : {}) },
    );
  }
}

function identityOf(pod: Pod): string {
  const ids = pod.status?.containerStatuses?.map(
    ({ containerID = 'none', restartCount }) => `${containerID}, restarted ${restartCount} times`,
  );
  return `${pod.metadata.uid ?? ''} ${ids?.join() ?? ''}`;
}
