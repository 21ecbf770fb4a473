import { fieldOf, parseJson } from '../cri/json-field.ts';
import { maxShownLines } from './limits.ts';
import { redact } from './redact.ts';
import type { Section } from './section.ts';

/** pino's number for warnings; errors have greater ones. */
const warningLevel = 40;

/**
 * The last warnings and errors of a runner's log, each with its time, code and message, redacted. One that comes
 * again and again stands there once, with its last time and how often, lest it hide the others.
 */
export function describeLog(log: string): Section {
  const repeats = new Map<string, Repeats>();
  for (const { text, at } of log.split('\n').flatMap(parseLine)) {
    const { count, first } = repeats.get(text) ?? { count: 0, first: at };
    repeats.delete(text);
    repeats.set(text, { count: count + 1, first, last: at });
  }
  const lines = Array.from(repeats, ([text, times]) => redact(shown(text, times)));
  const last = lines.slice(-maxShownLines);
  return { title: 'last warnings and errors', lines: last.length > 0 ? last : ['none'] };
}

interface Repeats {
  readonly count: number;
  /** '' in a line without a time. */
  readonly first: string;
  readonly last: string;
}

/** Nothing of a line that isn't worth being shown. */
function parseLine(line: string): { text: string; at: string }[] {
  const entry = parseJson(line === '' ? '?' : line);
  const level = fieldOf(entry, 'level');
  if (entry === undefined) return line.trim() === '' ? [] : [{ text: line, at: '' }];
  if (typeof level !== 'number' || level < warningLevel) return [];
  const time = fieldOf(entry, 'time');
  const at = typeof time === 'number' ? new Date(time).toISOString() : '';
  return [{ text: describeEntry(entry, level), at }];
}

function describeEntry(entry: unknown, level: number): string {
  const error = fieldOf(entry, 'err');
  const parts = [
    level > warningLevel ? 'error' : 'warning',
    ...[fieldOf(entry, 'msg'), fieldOf(entry, 'code') ?? fieldOf(error, 'code')],
    fieldOf(error, 'message'),
  ];
  return parts.filter((part) => typeof part === 'string' && part !== '').join(' ');
}

function shown(text: string, { count, first, last }: Repeats): string {
  const since = first === '' ? '' : ` since ${first}`;
  const often = count === 1 ? '' : ` (${count} times${since})`;
  return `${last}${last === '' ? '' : ' '}${text}${often}`;
}
