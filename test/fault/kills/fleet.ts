import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '../../../hack/lab/wait.ts';
import { placement, type Cluster } from '../../e2e/cluster.ts';
import type { Random } from '../../fuzz/random.ts';

/** How long a command may take to be accepted while parts of the control plane are down. */
const acceptedWithinMs = 60_000;

const kinds = ['steady', 'volumes', 'init', 'once'] as const;

export type MemberKind = (typeof kinds)[number];

/** A pod that is to be there, as it was created. */
export interface Member {
  readonly name: string;
  readonly uid: string;
  readonly kind: MemberKind;
  /** Its containers' ids, once it has been seen as it should be. */
  containerIds?: string;
}

/** The pods of a test: what was created and not deleted, through whatever trouble it took. */
export class Fleet {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #members = new Map<string, Member>();
  #number = 0;

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  get members(): Member[] {
    return [...this.#members.values()];
  }

  /** Makes what the pods mount. */
  async prepare(): Promise<void> {
    await mkdir(this.#startsDir, { recursive: true });
    const { cluster } = { cluster: this.#cluster };
    await cluster.apply(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'conf' }, data: { a: '1' } },
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, stringData: { pw: 'x' } },
    );
  }

  /** Creates, deletes, force-deletes or replaces a pod, at random. Says what it did. */
  async change(maxMembers: number): Promise<string> {
    const room = maxMembers - this.#members.size;
    const [first, ...others] = this.members;
    if (first === undefined || (room > 0 && this.#random.chance(0.55))) return this.#create();
    const victim = this.#random.pick([first, ...others]);
    switch (this.#random.below(4)) {
      case 0:
        await this.#delete(victim, ['--force', '--grace-period=0']);
        return `force-delete ${victim.name}`;
      case 1:
        await this.#delete(victim, ['--force', '--grace-period=0']);
        await this.#create(victim);
        return `replace ${victim.name}`;
      default:
        await this.#delete(victim, []);
        return `delete ${victim.name}`;
    }
  }

  /** Which containers of a pod have begun, by what they wrote down themselves; one word for each start. */
  async starts(uid: string): Promise<string[]> {
    const text = await readFile(join(this.#startsDir, uid), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  get #startsDir(): string {
    return join(this.#cluster.site.device.dir, 'starts');
  }

  async #create(replaced?: Member): Promise<string> {
    this.#number += 1;
    const kind = replaced?.kind ?? kinds[this.#random.below(kinds.length)] ?? 'steady';
    const name = replaced?.name ?? `${kind}-${this.#number}`;
    const input = JSON.stringify(this.#pod(kind, name));
    const uid = await waitFor(
      async () => {
        await this.#cluster.tryKubectl(['create', '-f', '-'], { input });
        return (await this.#cluster.pod(name))?.metadata.uid;
      },
      { what: `pod ${name} to be accepted`, timeoutMs: acceptedWithinMs, intervalMs: 200 },
    );
    this.#members.set(name, { name, uid, kind });
    return `create ${name}`;
  }

  async #delete({ name, uid }: Member, flags: readonly string[]): Promise<void> {
    await waitFor(
      async () => {
        const args = ['delete', 'pod', name, '--ignore-not-found', '--wait=false', ...flags];
        const { code } = await this.#cluster.tryKubectl(args);
        if (code !== 0) return false;
        return flags.length === 0 || (await this.#cluster.pod(name))?.metadata.uid !== uid;
      },
      { what: `the deletion of ${name} to be accepted`, timeoutMs: acceptedWithinMs },
    );
    this.#members.delete(name);
  }

  #pod(kind: MemberKind, name: string): object {
    const volumes = [{ name: 'starts', hostPath: { path: this.#startsDir } }, ...volumesOf(kind)];
    const container = (word: string, script: string): object => ({
      ...{ name: word, image: 'docker.io/library/busybox:1.36' },
      command: ['sh', '-c', `echo ${word} >> /mnt/starts/$POD_UID; ${script}`],
      env: [{ name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } }],
      volumeMounts: volumes.map((volume) => ({
        name: volume.name,
        mountPath: `/mnt/${volume.name}`,
      })),
    });
    const lasting = 'trap "exit 0" TERM; sleep 100000 & wait';
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        ...placement(this.#cluster),
        // The scheduler is left out: up to a minute after an API server's return it looks at no new pod,
        // for its client backs off from one that forbids everything while it starts.
        nodeName: this.#cluster.site.nodeName,
        terminationGracePeriodSeconds: this.#random.below(3),
        restartPolicy: kind === 'once' ? 'Never' : 'Always',
        volumes,
        ...(kind === 'init' ? { initContainers: [container('init', 'sleep 0.3')] } : {}),
        containers: [container('main', kind === 'once' ? 'sleep 0.3' : lasting)],
      },
    };
  }
}

function volumesOf(kind: MemberKind): { name: string }[] {
  if (kind !== 'volumes') return [];
  const volumes = [
    { name: 'conf', configMap: { name: 'conf' } },
    { name: 'key', secret: { secretName: 'key' } },
    { name: 'disk', emptyDir: {} },
    { name: 'memory', emptyDir: { medium: 'Memory' } },
  ];
  return volumes;
}
