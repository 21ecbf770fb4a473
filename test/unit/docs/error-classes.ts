import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { joinRefusal } from '../../../src/protocol/join.ts';
import { tunnelErrorCodes } from '../../../src/tunnel/errors.ts';
import { root } from './markdown.ts';

/** An error class of the source and its closed list of codes; no list: it has none. */
export interface ErrorClass {
  name: string;
  file: string;
  codes: string[] | undefined;
}

/** Every class of src/ that extends Error, read with the TypeScript compiler. */
export function errorClasses(): ErrorClass[] {
  const files = globSync('src/**/*.ts', { cwd: root }).sort().map(parse);
  const lists = new Map(files.flatMap((file) => [...unionsIn(file)]));
  for (const [name, codes] of derivedLists) lists.set(name, [...codes]);
  return files.flatMap((file) =>
    errorsIn(file).map((declaration) => ({
      name: declaration.name?.text ?? '',
      file: file.fileName,
      codes: codesOf(declaration, lists),
    })),
  );
}

/** Types that take their codes from a value. */
const derivedLists: [name: string, codes: readonly string[]][] = [
  ['TunnelErrorCode', tunnelErrorCodes],
  ['JoinRefusalCode', joinRefusal.entries.code.options],
];

function parse(path: string): ts.SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
}

/** Type aliases that are unions of string literals. */
function unionsIn(file: ts.SourceFile): Map<string, string[]> {
  const unions = new Map<string, string[]>();
  for (const statement of file.statements) {
    if (!ts.isTypeAliasDeclaration(statement)) continue;
    const codes = literalsOf(statement.type);
    if (codes !== undefined) unions.set(statement.name.text, codes);
  }
  return unions;
}

function literalsOf(type: ts.TypeNode): string[] | undefined {
  const members = ts.isUnionTypeNode(type) ? [...type.types] : [type];
  const literals = members.flatMap((member) =>
    ts.isLiteralTypeNode(member) && ts.isStringLiteral(member.literal) ? [member.literal.text] : [],
  );
  return literals.length === members.length ? literals : undefined;
}

function errorsIn(file: ts.SourceFile): ts.ClassDeclaration[] {
  return file.statements
    .filter(ts.isClassDeclaration)
    .filter((declaration) =>
      declaration.heritageClauses?.some(({ types }) =>
        types.some(({ expression }) => ts.isIdentifier(expression) && expression.text === 'Error'),
      ),
    );
}

/** The list that `code`, or failing that `reason`, is typed with, or the one value that it is given. */
function codesOf(
  declaration: ts.ClassDeclaration,
  lists: ReadonlyMap<string, string[]>,
): string[] | undefined {
  for (const wanted of ['code', 'reason']) {
    const property = declaration.members
      .filter(ts.isPropertyDeclaration)
      .find(({ name }) => ts.isIdentifier(name) && name.text === wanted);
    if (property?.initializer && ts.isStringLiteral(property.initializer)) {
      return [property.initializer.text];
    }
    const type = property?.type;
    if (type && ts.isTypeReferenceNode(type) && ts.isIdentifier(type.typeName)) {
      return lists.get(type.typeName.text);
    }
  }
  return undefined;
}
