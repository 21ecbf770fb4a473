import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CurrentLog } from './current-log.ts';
import { FileChanges } from './file-changes.ts';
import { isMissing, unreadable } from './log-error.ts';
import { LogFormatter } from './log-formatter.ts';
import { parseLogOptions, type ContainerLogOptions } from './log-options.ts';
import { findStart } from './log-start.ts';
import { readRotatedLog } from './rotated-log.ts';

export type { ContainerLogOptions } from './log-options.ts';

export interface ContainerLogHooks {
  /** The reader has gone: the output ends at once. */
  readonly signal: AbortSignal;
  /** Following ends when this aborts and all that was written before has been read. */
  readonly ended?: AbortSignal | undefined;
  readonly nowMs?: (() => number) | undefined;
}

/** While following, the log is looked at so often even if the kernel reports no change. */
const recheckMs = 10_000;

/**
 * The log of one container as `kubectl logs` shows it, in pieces as they are read; the next piece
 * is read when the last one was taken. `logPath` names the current file (`…/N.log`); rotated
 * files next to it come first where the options reach back that far. Differs from a kubelet in
 * two points: it does not stop at the newest rotation, and a long line that the runtime wrote in
 * parts counts as one for `tailLines`.
 *
 * Following goes on across rotations until `hooks.ended`, and also ends when the file is deleted.
 * Throws LogError.
 */
export async function* readContainerLog(
  logPath: string,
  options: ContainerLogOptions,
  hooks: ContainerLogHooks,
): AsyncGenerator<Buffer, void, undefined> {
  const query = parseLogOptions(options, (hooks.nowMs ?? Date.now)());
  const path = await resolveLinks(logPath);
  const reading = new LogReading(path, new LogFormatter(query), hooks);
  // Watched before anything is read, so that no change falls between.
  const changes = query.follow ? new FileChanges(dirname(path), recheckMs) : undefined;
  let current = await openOrClose(path, changes);
  try {
    for (const { log, offset, skipLines } of await findStart(current, query)) {
      reading.formatter.skip(skipLines);
      yield* reading.show(readRotatedLog(log, offset));
      reading.formatter.startFile();
    }
    if (changes === undefined) yield* reading.show(current.drain());
    while (changes !== undefined) {
      const isLastRound = hooks.ended?.aborted === true;
      yield* reading.show(current.drain());
      if (reading.isOver()) return;
      const fate = await current.fate();
      if (fate === 'replaced') current = yield* reading.moveOn(current);
      else if (fate === 'truncated') reading.rewind(current);
      else if (fate === 'gone' || isLastRound) return;
      else await changes.next(hooks.signal, hooks.ended);
    }
  } finally {
    changes?.close();
    await current.close();
  }
}

/** What one reader has of a log so far. */
class LogReading {
  readonly #path: string;
  readonly formatter: LogFormatter;
  readonly #hooks: ContainerLogHooks;

  constructor(path: string, formatter: LogFormatter, hooks: ContainerLogHooks) {
    this.#path = path;
    this.formatter = formatter;
    this.#hooks = hooks;
  }

  /** Whether nothing more is wanted. */
  isOver(): boolean {
    return this.formatter.done || this.#hooks.signal.aborted;
  }

  async *show(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    if (this.isOver()) return;
    for await (const chunk of chunks) {
      const output = this.formatter.push(chunk);
      if (output.length > 0) yield output;
      if (this.isOver()) return;
    }
  }

  /** Reads the rest of a file that was rotated away and what came after it; returns the new one. */
  async *moveOn(old: CurrentLog): AsyncGenerator<Buffer, CurrentLog, undefined> {
    const next = await CurrentLog.open(this.#path);
    let handedOver = false;
    try {
      yield* this.show(old.drain());
      for (const log of await old.logsUntil(next)) {
        this.formatter.startFile();
        yield* this.show(readRotatedLog(log, 0));
      }
      this.formatter.startFile();
      await old.close();
      handedOver = true;
      return next;
    } finally {
      if (!handedOver) await next.close();
    }
  }

  rewind(current: CurrentLog): void {
    current.position = 0;
    this.formatter.startFile();
  }
}

async function openOrClose(path: string, changes: FileChanges | undefined): Promise<CurrentLog> {
  try {
    return await CurrentLog.open(path);
  } catch (error) {
    changes?.close();
    throw error;
  }
}

async function resolveLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isMissing(error)) return path;
    throw unreadable(path, error);
  }
}
