import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { tunnelErrorCodes } from '../../../src/tunnel/errors.ts';
import * as limits from '../../../src/tunnel/limits.ts';

const docs = join(import.meta.dirname, '../../../docs');

void t.test('every limit has a row in docs/limits.md', (t) => {
  const text = readFileSync(join(docs, 'limits.md'), 'utf8');
  const { defaultLimits, ...others } = limits;
  for (const name of [...Object.keys(defaultLimits), ...Object.keys(others)]) {
    t.ok(text.includes(`| \`${name}\` `), name);
  }
  t.end();
});

void t.test('every protocol error that docs/protocol.md names exists', (t) => {
  const text = readFileSync(join(docs, 'protocol.md'), 'utf8');
  const [multiplexer = ''] = text.split('### Messages on a stream');
  const named = [...multiplexer.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, code = '']) => code);
  const known: readonly string[] = tunnelErrorCodes;
  t.ok(named.length > 15);
  for (const code of named) t.ok(known.includes(code), code);
  t.end();
});
