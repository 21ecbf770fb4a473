import { fieldOf, parseJson } from '../cri/json-field.ts';
import { maxShownLines } from './limits.ts';
import { redact } from './redact.ts';
import type { Section } from './section.ts';

/** pino's number for warnings; errors have greater ones. */
const warningLevel = 40;

/** The last warnings and errors of a runner's log, each with its time, code and message, redacted. */
export function describeLog(log: string): Section {
  const lines = log.split('\n').flatMap((line) => {
    const entry = parseJson(line === '' ? '?' : line);
    const level = fieldOf(entry, 'level');
    if (entry === undefined) return line.trim() === '' ? [] : [redact(line)];
    if (typeof level !== 'number' || level < warningLevel) return [];
    return [describeEntry(entry, level)];
  });
  const last = lines.slice(-maxShownLines);
  return { title: 'last warnings and errors', lines: last.length > 0 ? last : ['none'] };
}

function describeEntry(entry: unknown, level: number): string {
  const time = fieldOf(entry, 'time');
  const error = fieldOf(entry, 'err');
  const parts = [
    typeof time === 'number' ? new Date(time).toISOString() : '',
    level > warningLevel ? 'error' : 'warning',
    ...[fieldOf(entry, 'msg'), fieldOf(entry, 'code') ?? fieldOf(error, 'code')],
    fieldOf(error, 'message'),
  ];
  return redact(parts.filter((part) => typeof part === 'string' && part !== '').join(' '));
}
