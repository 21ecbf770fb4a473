import { maxTerminationLogBytes, maxTerminationLogLines } from '../limits.ts';
import { readContainerLog } from '../logs/read-container-log.ts';
import { LogError } from '../logs/log-error.ts';
import type { PodFiles } from '../volumes/pod-files.ts';
import type { ObservedContainer, ObservedPod } from './observed.ts';

/** Termination messages of a pod's ended containers, each read once. */
export class TerminationMessages {
  readonly #files: PodFiles;
  readonly #byContainer = new Map<string, string>();

  constructor(files: PodFiles) {
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

  /** Kubelet: the file; with `FallbackToLogsOnError` the end of the log of a container that failed. */
  async #read(container: ObservedContainer): Promise<string> {
    const own =
      container.terminationMessageFile === ''
        ? ''
        : await this.#files.readTerminationLog(container.terminationMessageFile);
    const fallback = container.terminationMessagePolicy === 'FallbackToLogsOnError';
    if (own !== '' || !fallback || container.exitCode === 0) return own || container.message;
    return (await endOfLog(container.logPath)) || container.message;
  }
}

async function endOfLog(logPath: string): Promise<string> {
  const options = { tailLines: maxTerminationLogLines };
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of readContainerLog(logPath, options, {
      signal: new AbortController().signal,
    })) {
      chunks.push(chunk);
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
  }
  const text = Buffer.concat(chunks);
  return text.subarray(Math.max(0, text.length - maxTerminationLogBytes)).toString();
}
