import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Root of the repository. */
export const root = join(import.meta.dirname, '../../..');

/** A heading and what stands under it, down to the next heading of any level. */
export interface Section {
  heading: string;
  /** Rows of its tables without heads, as trimmed cells. */
  rows: string[][];
  text: string;
}

/** Text of a page of docs/. */
export function readPage(name: string): string {
  return readFileSync(join(root, 'docs', name), 'utf8');
}

/** The sections of a page in order. */
export function sectionsOf(page: string): Section[] {
  const [, ...parts] = page.split(/^#+ /m);
  return parts.map((part) => {
    const [heading = '', ...lines] = part.split('\n');
    return { heading: heading.trim(), rows: rowsIn(lines), text: lines.join('\n') };
  });
}

/** The text in backticks, or undefined when there is none. */
export function codeIn(text: string): string | undefined {
  return /`([^`]+)`/.exec(text)?.[1];
}

function rowsIn(lines: readonly string[]): string[][] {
  return lines
    .filter((line, i) => line.startsWith('|') && !isHead(lines, i))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
}

/** A row above the line of dashes, or that line. */
function isHead(lines: readonly string[], index: number): boolean {
  const dashes = /^\|[\s|:-]+\|$/;
  return dashes.test(lines[index] ?? '') || dashes.test(lines[index + 1] ?? '');
}
