import { globSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { codeIn, readPage, root, sectionsOf } from './markdown.ts';

const milliseconds: Record<string, number> = {
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const files = globSync('src/**/{limits,lifetimes}.ts', { cwd: root }).sort();
const documented = documentedLimits();

void t.test('every file of limits has a section', (t) => {
  t.ok(files.length > 10, 'the files are found');
  t.same([...documented.keys()].sort(), files);
  t.end();
});

for (const file of files) {
  void t.test(`every limit of ${file} has one row, with its value`, async (t) => {
    const exported = (await import(join(root, file))) as Record<string, unknown>;
    const limits = limitsOf(exported);
    t.not(Object.keys(limits).length, 0, 'it exports limits');
    t.same(documented.get(file), limits);
  });
}

void t.test('every row says what happens', (t) => {
  for (const { heading, rows } of sectionsOf(readPage('limits.md'))) {
    for (const [name = '', , , happens = ''] of rows) t.not(happens, '', `${heading} ${name}`);
  }
  t.end();
});

/** By file, the values by name; a name that comes twice is an array of both. */
function documentedLimits(): Map<string, Record<string, unknown>> {
  const byFile = new Map<string, Record<string, unknown>>();
  for (const { heading, rows } of sectionsOf(readPage('limits.md'))) {
    const file = codeIn(heading);
    if (file === undefined) continue;
    const limits: Record<string, unknown> = {};
    for (const [nameCell = '', value = '', unit = ''] of rows) {
      const name = codeIn(nameCell) ?? nameCell;
      const number = numberOf(value) * factorOf(name, unit);
      limits[name] = name in limits ? [limits[name], number] : number;
    }
    byFile.set(file, limits);
  }
  return byFile;
}

/** Numbers by name. `defaultLimits` stands for its fields; a field of another object is `object.field`. */
function limitsOf(exported: Record<string, unknown>): Record<string, unknown> {
  const limits: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(exported)) {
    if (typeof value !== 'object' || value === null) limits[name] = value;
    else {
      const prefix = name === 'defaultLimits' ? '' : `${name}.`;
      for (const [field, number] of Object.entries(value)) limits[`${prefix}${field}`] = number;
    }
  }
  return limits;
}

/** `1,024`, or a fraction as in `2/3`. */
function numberOf(text: string): number {
  const [number = NaN, divisor = 1] = text.replaceAll(',', '').split('/').map(Number);
  return number / divisor;
}

/** What one of the unit is in that of the name; NaN where the unit doesn't fit the name. */
function factorOf(name: string, unit: string): number {
  if (/Bytes$/.test(name)) return { bytes: 1, KiB: 1024, MiB: 1024 ** 2 }[unit] ?? NaN;
  if (/Ms$/.test(name)) return milliseconds[unit] ?? NaN;
  if (/Seconds(\.|$)/.test(name)) return (milliseconds[unit] ?? NaN) / 1000;
  const counts = /perSecond/i.test(name) ? ['per s'] : ['', 'characters'];
  return counts.includes(unit) ? 1 : NaN;
}
