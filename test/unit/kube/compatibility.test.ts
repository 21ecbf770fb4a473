import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import t from 'tap';
import { specRows, statusRows } from './compatibility-table.ts';
import { upstreamSuite } from './compatibility-suite.ts';
import { everyValue, partlyNotes, statusFields, type Row } from './compatibility-notes.ts';

const page = join(import.meta.dirname, '../../../docs/compatibility.md');

async function pageText(): Promise<string> {
  const config = await resolveConfig(page);
  return format(markdown(), { ...config, parser: 'markdown' });
}

function markdown(): string {
  return `# Compatibility with the Pod API

Every field of a Pod in Kubernetes 1.36. A pod that uses a field, or a value, which is not honoured is
not run: its phase becomes Failed, and its status and an event name the field. Where a field is
honoured whatever is in it, or not at all, the fields below it are not listed.

This page is made from the API's schema and the rules of the runner; after a change to either run
\`WRITE_DOCS=1 node test/unit/kube/compatibility.test.ts\`.

## What a pod asks for

${table(specRows())}
Of annotations, those for the bandwidth of a pod (\`kubernetes.io/ingress-bandwidth\` and
\`egress-bandwidth\`) and those for AppArmor profiles are honoured; all others have no meaning for a node.

## What a site reports

${table(statusRows())}
${upstreamSuite}`;
}

function table(rows: Row[]): string {
  const lines = rows.map(({ field, honoured, note }) => `| \`${field}\` | ${honoured} | ${note} |`);
  return `| field | honoured | what, or why not |\n| --- | --- | --- |\n${lines.join('\n')}\n`;
}

void t.test('docs/compatibility.md says what the schema and the rules say', async (t) => {
  if (process.env.WRITE_DOCS !== undefined) await writeFile(page, await pageText());
  t.equal(await readFile(page, 'utf8'), await pageText());
});

void t.test('every field that isn’t honoured, or only partly, has its reason', (t) => {
  const rows = [...specRows(), ...statusRows()];
  for (const { field, honoured, note } of rows) t.ok(honoured === 'yes' || note !== '', field);
  t.end();
});

void t.test('no note is about a field that isn’t there', (t) => {
  const fields = new Set([...specRows(), ...statusRows()].map(({ field }) => field));
  for (const field of [...everyValue, ...Object.keys(partlyNotes), ...Object.keys(statusFields)]) {
    t.ok(fields.has(field), field);
  }
  t.end();
});
