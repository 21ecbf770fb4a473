import { zstdCompressSync } from 'node:zlib';
import t from 'tap';
import { objectVersion } from '../../../src/protocol/digest.ts';
import { maxMessageBytes } from '../../../src/protocol/limits.ts';
import { applyPatch, makePatch } from '../../../src/protocol/object-patch.ts';
import { Random } from '../../fuzz/random.ts';

const random = new Random(7);
const text = (bytes: number): string => random.bytes(Math.ceil(bytes * 0.75)).toString('base64');

const sizes: [what: string, bytes: number][] = [
  ['1 MiB', 1024 * 1024],
  ['3 MiB', 3 * 1024 * 1024],
];

for (const [what, bytes] of sizes) {
  void t.test(`a changed key in ${what} costs what has changed`, (t) => {
    const data = Object.fromEntries(
      Array.from({ length: 16 }, (_, i) => [`k${i}`, text(bytes / 16)]),
    );
    const before = { metadata: { name: 'a' }, data };
    const after = {
      data: { ...data, k7: `${data['k7'] ?? ''}, changed` },
      metadata: { name: 'a' },
    };
    const patch = makePatch(before, after);
    t.comment(`${patch.length} bytes`);
    t.ok(patch.length < 1500, `${patch.length} bytes`);
    t.same(applyPatch(before, patch, objectVersion(after)).object, after);
    const large = { ...after, data: { ...after.data, new: text(20_000) } };
    t.ok(makePatch(before, large).length < 30_000, 'and what is new costs what it is');
    t.end();
  });
}

void t.test('a patch that does not fit is refused, and not quoted', (t) => {
  const before = { data: { a: 'x'.repeat(5000) } };
  const after = { data: { a: `${'x'.repeat(5000)}secret` } };
  const patch = makePatch(before, after);
  const version = objectVersion(after);
  const cases: [object, string, string][] = [
    [{ data: { a: 'y'.repeat(5000) } }, patch, version],
    [before, patch, objectVersion(before)],
    [before, 'AAAA', version],
    [before, '', version],
    [before, zstdCompressSync(Buffer.from('{"secret')).toString('base64'), version],
  ];
  for (const [held, made, wanted] of cases) {
    t.throws(() => applyPatch(held, made, wanted), {
      code: 'PATCH_MISMATCH',
      message: /^((?!secret).)*$/,
      cause: undefined,
    });
  }
  t.end();
});

void t.test('a patch never becomes larger than a message', (t) => {
  const bomb = JSON.stringify({ data: ' '.repeat(maxMessageBytes + 1) });
  const patch = zstdCompressSync(Buffer.from(bomb)).toString('base64');
  t.ok(patch.length < 10_000);
  t.throws(() => applyPatch({}, patch, objectVersion(JSON.parse(bomb))), {
    code: 'PATCH_MISMATCH',
  });
  t.end();
});

void t.test('a patch that nests deeper than can be walked is no patch', (t) => {
  const depth = 500_000;
  const deep = `{"data":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  const patch = zstdCompressSync(Buffer.from(deep)).toString('base64');
  t.ok(patch.length < 10_000);
  t.throws(() => applyPatch({}, patch, 'any'), { code: 'PATCH_MISMATCH' });
  t.end();
});
