import t from 'tap';
import { errorClasses, type ErrorClass } from './error-classes.ts';
import { codeIn, readPage, sectionsOf } from './markdown.ts';

/** Errors that are told apart by something else than a code. */
const withoutCodes = ['StreamRefusal'];

const classes = errorClasses();
const documented = documentedCodes();

void t.test('every class of errors has a section, and every section a class', (t) => {
  t.ok(classes.length > 15, 'the classes are found');
  t.same([...documented.keys()].sort(), classes.map(({ name }) => name).sort());
  t.end();
});

void t.test('every class of errors has a closed list of codes', (t) => {
  for (const { name, codes } of classes) {
    t.equal(codes === undefined, withoutCodes.includes(name), name);
  }
  t.end();
});

for (const { name, file, codes = [] } of classes) {
  void t.test(`every code of ${name} has one row, and every row a code`, (t) => {
    t.same([...(documented.get(name)?.codes ?? [])].sort(), [...codes].sort());
    t.ok(documented.get(name)?.text.includes(`\`${file}\``), `the section names ${file}`);
    t.end();
  });
}

void t.test('every row says what its code means', (t) => {
  for (const { heading, rows } of sectionsOf(readPage('errors.md'))) {
    for (const [code = '', ...cells] of rows) {
      t.ok(cells.filter((cell) => cell !== '').length > 0, `${heading} ${code}`);
    }
  }
  t.end();
});

function documentedCodes(): Map<ErrorClass['name'], { codes: string[]; text: string }> {
  const byClass = new Map<string, { codes: string[]; text: string }>();
  for (const { heading, rows, text } of sectionsOf(readPage('errors.md'))) {
    const name = codeIn(heading);
    if (name === undefined) continue;
    byClass.set(name, { codes: rows.map(([code = '']) => codeIn(code) ?? code), text });
  }
  return byClass;
}
