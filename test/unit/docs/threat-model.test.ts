import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import t from 'tap';
import { readPage, root, sectionsOf } from './markdown.ts';

const attackers = [
  'A network attacker',
  'A stolen device',
  'A hostile site',
  'A hostile tenant',
  'A compromised provider',
  'What is installed',
];
const sections = sectionsOf(readPage('threat-model.md'));

void t.test('every attacker has a section with what he may try', (t) => {
  for (const attacker of attackers) {
    const section = sections.find(({ heading }) => heading === attacker);
    t.ok((section?.rows.length ?? 0) >= 4, attacker);
  }
  t.ok(sections.some(({ heading }) => heading === 'What is left'));
  t.end();
});

void t.test('what stops an attack is shown by a test, or it is said that nothing does', (t) => {
  for (const { heading, rows } of sections.filter((section) =>
    attackers.includes(section.heading),
  )) {
    for (const [attack = '', defence = '', shown = ''] of rows) {
      const what = `${heading}: ${attack}`;
      const tests = [...shown.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
      if (tests.length === 0) t.match(defence, /^\*\*Nothing/, what);
      else t.notMatch(defence, /^\*\*Nothing/, what);
      for (const path of tests) t.ok(isTest(path), `${what}: ${path}`);
    }
  }
  t.end();
});

void t.test('no attack has two answers', (t) => {
  for (const { heading, rows } of sections) {
    const tried = rows.map(([attack = '']) => attack);
    const twice = tried.filter((attack, i) => tried.indexOf(attack) !== i);
    t.same(twice, [], heading);
  }
  t.end();
});

/** A file of tests, or one with tests that such a file runs. */
function isTest(path: string): boolean {
  if (!/^test\/.+\.ts$/.test(path) || !existsSync(join(root, path))) return false;
  const asserts = /\bt\.(ok|notOk|equal|not|same|match|notMatch|throws|rejects)\(/;
  return asserts.test(readFileSync(join(root, path), 'utf8')) && isRun(path);
}

/** Suites run what is named `.test.ts`, and what such a file imports. */
function isRun(path: string): boolean {
  if (path.endsWith('.test.ts')) return true;
  return globSync('test/**/*.test.ts', { cwd: root }).some((file) =>
    readFileSync(join(root, file), 'utf8').includes(`/${basename(path)}'`),
  );
}
