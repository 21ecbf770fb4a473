import type { CurrentLog } from './current-log.ts';
import type { RotatedLog } from './log-files.ts';
import { LogFormatter } from './log-formatter.ts';
import type { LogQuery } from './log-options.ts';
import { TailSearch } from './log-tail.ts';
import { openIfThere, readRotatedLog } from './rotated-log.ts';

/** A rotated file to read, from an offset on and without its first lines. */
export interface RotatedPart {
  readonly log: RotatedLog;
  readonly offset: number;
  readonly skipLines: number;
}

/**
 * Finds where a query begins: sets the current log's position, and returns the parts of older
 * files to read before it, oldest first. Unless it follows, the last lines are those of now: what
 * is written meanwhile would make them more than were asked for.
 */
export async function findStart(current: CurrentLog, query: LogQuery): Promise<RotatedPart[]> {
  const older = await olderLogs(current, query);
  if (query.tailLines === undefined) {
    return older.map((log) => ({ log, offset: 0, skipLines: 0 }));
  }
  const search = new TailSearch(query.tailLines, query.stream);
  const size = await current.size();
  current.position = await search.searchFile(current.file, size);
  if (!query.follow) current.end = size;
  const parts: RotatedPart[] = [];
  for (const log of older.reverse()) {
    if (!search.goesOn) break;
    parts.unshift(await searchRotated(log, search, query));
  }
  return parts;
}

/** A file that was last written before the wanted time has nothing for the query. */
async function olderLogs(current: CurrentLog, { since }: LogQuery): Promise<RotatedLog[]> {
  const older = await current.olderLogs();
  if (since === undefined) return older;
  return older.filter(({ modifiedMs }) => modifiedMs >= since.seconds * 1000);
}

async function searchRotated(
  log: RotatedLog,
  search: TailSearch,
  query: LogQuery,
): Promise<RotatedPart> {
  const file = log.compressed ? undefined : await openIfThere(log.path);
  if (file === undefined) {
    return { log, offset: 0, skipLines: search.searchCounted(await countLines(log, query)) };
  }
  try {
    const { size } = await file.stat();
    return { log, offset: await search.searchFile(file, size), skipLines: 0 };
  } finally {
    await file.close();
  }
}

async function countLines(log: RotatedLog, { stream }: LogQuery): Promise<number> {
  const formatter = new LogFormatter({
    stream,
    since: undefined,
    timestamps: false,
    limitBytes: Infinity,
  });
  for await (const chunk of readRotatedLog(log, 0)) formatter.push(chunk);
  return formatter.fullLines;
}
