import { existsSync, globSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readPage, root } from './markdown.ts';

void t.test('architecture.md has a row for every room and every folder in one', (t) => {
  const page = readPage('architecture.md');
  const folders = globSync('src/{*,provider/*,edge-runner/*}', { cwd: root }).filter((path) =>
    statSync(join(root, path)).isDirectory(),
  );
  t.ok(folders.length > 20, 'the folders are found');
  for (const folder of folders) t.ok(page.includes(`| \`${folder}/\` `), folder);
  const rows = [...page.matchAll(/^\| `(src\/[^`]+)`/gm)].map(([, path = '']) => path);
  for (const row of rows) t.ok(existsSync(join(root, row)), `${row} is there`);
  t.end();
});

void t.test('decisions are numbered without gaps, and each has its four parts', (t) => {
  const pages = readdirSync(join(root, 'docs/decisions')).sort();
  t.ok(pages.length > 10, 'the pages are found');
  for (const [index, name] of pages.entries()) {
    const number = String(index + 1).padStart(4, '0');
    t.match(name, new RegExp(`^${number}-[a-z0-9-]+\\.md$`));
    const page = readPage(join('decisions', name));
    for (const part of ['Context', 'Choice', 'Measured', 'Consequences']) {
      t.ok(page.includes(`\n## ${part}\n`), `${name}: ${part}`);
    }
  }
  t.end();
});

void t.test('links between the pages lead somewhere', (t) => {
  for (const path of globSync('docs/**/*.md', { cwd: root })) {
    const folder = join(root, path, '..');
    const targets = readPage(join('..', path)).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g);
    for (const [, target = ''] of targets) {
      t.ok(existsSync(join(folder, target)), `${path} → ${target}`);
    }
  }
  t.end();
});

void t.test('files that the pages name are there', (t) => {
  const named = /`((?:src|test|hack|bench|manifests|docs)\/[A-Za-z0-9_./-]+)`/g;
  for (const path of ['CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root })]) {
    for (const [, file = ''] of readPage(join('..', path)).matchAll(named)) {
      t.ok(existsSync(join(root, file)), `${path} → ${file}`);
    }
  }
  t.end();
});
