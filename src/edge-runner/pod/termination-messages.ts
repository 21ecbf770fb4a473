import { maxTerminationLogBytes, maxTerminationLogLines } from '../limits.ts';
import { LogError } from '../logs/log-error.ts';
import { readContainerLog } from '../logs/read-container-log.ts';
import type { PodFiles } from '../volumes/pod-files.ts';
import type { ObservedContainer, ObservedPod } from './observed.ts';

/** Termination messages of a pod's ended containers, each read once. */
export class TerminationMessages {
  readonly #files: Pick<PodFiles, 'readTerminationLog'>;
  readonly #byContainer = new Map<string, string>();

  constructor(files: Pick<PodFiles, 'readTerminationLog'>) {
    this.#files = files;
  }

  get byContainer(): ReadonlyMap<string, string> {
    return this.#byContainer;
  }

  /** Reads what is new, and drops what belongs to containers that are gone. */
  async update(observed: ObservedPod): Promise<void> {
    const ids = new Set(observed.containers.map(({ id }) => id));
    for (const id of this.#byContainer.keys()) if (!ids.has(id)) this.#byContainer.delete(id);
    for (const container of observed.containers) {
      if (container.state !== 'exited' || this.#byContainer.has(container.id)) continue;
      this.#byContainer.set(container.id, await this.#read(container));
    }
  }

  /**
   * Kubelet: the file; with `FallbackToLogsOnError` the end of the log of a container that failed. What
   * the runtime says goes before.
   */
  async #read(container: ObservedContainer): Promise<string> {
    const own = await this.#readFile(container.terminationMessageFile);
    const fallback = container.terminationMessagePolicy === 'FallbackToLogsOnError';
    const isEnough = own !== '' || !fallback || container.exitCode === 0;
    const said = isEnough ? own : await endOfLog(container.logPath);
    return [container.message, said].filter((part) => part !== '').join(': ');
  }

  /** The container could write to it: a file that can't be read says so, and stops nothing else. */
  async #readFile(path: string): Promise<string> {
    if (path === '') return '';
    try {
      return await this.#files.readTerminationLog(path);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return `Error on reading termination log ${path}: ${why}`;
    }
  }
}

async function endOfLog(logPath: string): Promise<string> {
  const options = { tailLines: maxTerminationLogLines };
  const { signal } = new AbortController();
  let end = Buffer.alloc(0);
  try {
    for await (const chunk of readContainerLog(logPath, options, { signal })) {
      // A line may be of any length.
      end = Buffer.concat([end, chunk]).subarray(-maxTerminationLogBytes);
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
  }
  return end.toString();
}
