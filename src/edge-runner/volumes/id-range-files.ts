import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { idsPerPod } from '../limits.ts';
import { hasCode } from './node-error.ts';
import { PodLayout, privateMode } from './pod-layout.ts';
import { namesIn } from './pod-teardown.ts';
import { isSafeName } from './safe-name.ts';

/**
 * Which ids of the device each pod with a user namespace has, in a file in the pod's folder: it is kept
 * when the runner ends, and goes with the folder. The form is a kubelet's.
 */
export class IdRangeFiles {
  readonly #layout: PodLayout;

  constructor({ rootDir }: { rootDir: string }) {
    this.#layout = new PodLayout({ rootDir, memoryDir: rootDir });
  }

  /**
   * The first of the device's ids that a pod has; undefined where it has none of its own.
   * @throws TypeError for a file that says something else; VolumeError `UNSAFE_NAME`; as `readFile`
   */
  async firstIdOf(podUid: string): Promise<number | undefined> {
    const file = this.#fileOf(podUid);
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
    return firstIdIn(file, text);
  }

  /** The first ids of all pods that have anything on disk. @throws as `firstIdOf` */
  async all(): Promise<Set<number>> {
    const firstIds = new Set<number>();
    for (const podUid of await namesIn(this.#layout.podParents[0])) {
      // Of a file system's own folders, as lost+found.
      if (!isSafeName(podUid)) continue;
      const firstId = await this.firstIdOf(podUid);
      if (firstId !== undefined) firstIds.add(firstId);
    }
    return firstIds;
  }

  /** Writes it whole or not at all, also when the power goes. @throws as `open` */
  async write(podUid: string, firstId: number): Promise<void> {
    const file = this.#fileOf(podUid);
    const [directory] = this.#layout.podDirs(podUid);
    await mkdir(directory, { recursive: true, mode: privateMode });
    const mapping = [{ hostId: firstId, containerId: 0, length: idsPerPod }];
    const draft = `${file}.new`;
    {
      await using handle = await open(draft, 'w', 0o600);
      await handle.writeFile(JSON.stringify({ uidMappings: mapping, gidMappings: mapping }));
      await handle.sync();
    }
    await rename(draft, file);
    await using folder = await open(directory, 'r');
    await folder.sync();
  }

  #fileOf(podUid: string): string {
    return join(this.#layout.podDirs(podUid)[0], 'userns');
  }
}

const mappings = v.strictTuple([
  v.object({
    hostId: v.pipe(v.number(), v.multipleOf(idsPerPod), v.minValue(idsPerPod)),
    containerId: v.literal(0),
    length: v.literal(idsPerPod),
  }),
]);

const content = v.object({ uidMappings: mappings, gidMappings: mappings });

function firstIdIn(file: string, text: string): number {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), content), text);
  const uids = result.success ? result.output.uidMappings[0].hostId : undefined;
  const gids = result.success ? result.output.gidMappings[0].hostId : undefined;
  if (uids !== undefined && uids === gids) return uids;
  throw new TypeError(
    `invalid user namespace mappings file: ${file} does not map ids 0 to ${idsPerPod - 1} to one range of the device's: it goes with the pod`,
  );
}
