import type { Logger } from 'pino';
import type { Pod } from '../../kube/api.ts';
import { configSeenAnnotation } from '../../kube/priority.ts';
import { FileChanges } from '../logs/file-changes.ts';
import { folderCheckIntervalMs } from './limits.ts';
import { readStaticPods } from './read-static-pods.ts';

interface StaticPodsOptions {
  /** The folder; undefined: there are no static pods. */
  dir: string | undefined;
  nodeName: string;
  /** The pods are others than before. */
  onChange: () => void;
  log: Pick<Logger, 'warn' | 'info'>;
}

/** The pods that the device itself wants to run, with or without a link. */
export class StaticPods {
  readonly #options: StaticPodsOptions;
  #pods: readonly Pod[] = [];
  /** RFC 3339, by uid. */
  #seenAt: ReadonlyMap<string, string> = new Map();
  #complaints = '';

  constructor(options: StaticPodsOptions) {
    this.#options = options;
  }

  get pods(): readonly Pod[] {
    return this.#pods;
  }

  /** Reads the folder. True when the pods are others than before. A folder that can't be read changes nothing. */
  async load(): Promise<boolean> {
    const { dir, nodeName, log } = this.#options;
    if (dir === undefined) return false;
    try {
      const now = new Date().toISOString();
      const { pods, problems } = await readStaticPods(
        dir,
        nodeName,
        (uid) => this.#seenAt.get(uid) ?? now,
      );
      this.#complain(problems);
      // The uid is a hash of the contents.
      if (uids(pods) === uids(this.#pods)) return false;
      this.#pods = pods;
      this.#seenAt = new Map(pods.map(seenTime));
      log.info({ pods: pods.map(({ metadata }) => metadata.name) }, 'static pods of this device');
      return true;
    } catch (error) {
      log.warn(
        { err: error, dir },
        'the folder of static pods cannot be read; they stay as they are',
      );
      return false;
    }
  }

  /** Follows the folder until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { dir, onChange } = this.#options;
    if (dir === undefined) return;
    const changes = new FileChanges(dir, folderCheckIntervalMs);
    try {
      while (!signal.aborted) {
        await changes.next(signal);
        if (!signal.aborted && (await this.load())) onChange();
      }
    } finally {
      changes.close();
    }
  }

  /** Once for every set of problems. */
  #complain(problems: ReadonlyMap<string, string>): void {
    const complaints = JSON.stringify([...problems]);
    if (complaints === this.#complaints) return;
    this.#complaints = complaints;
    for (const [file, problem] of problems) {
      this.#options.log.warn({ file, problem }, 'a static pod is left out');
    }
  }
}

function seenTime({ metadata }: Pod): [uid: string, seenAt: string] {
  return [metadata.uid ?? '', metadata.annotations?.[configSeenAnnotation] ?? ''];
}

function uids(pods: readonly Pod[]): string {
  return pods.map(({ metadata }) => metadata.uid).join();
}
