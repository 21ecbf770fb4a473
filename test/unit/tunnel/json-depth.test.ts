import t from 'tap';
import { nestsDeeper } from '../../../src/tunnel/json-depth.ts';

function deeper(json: string, maxDepth = 3): boolean {
  return nestsDeeper(Buffer.from(json), maxDepth);
}

void t.test('nesting is counted, siblings are not', (t) => {
  t.notOk(deeper('[{"a":[1]},{"a":[2]},[[3]],[[4]]]'));
  t.ok(deeper('[{"a":[{}]}]'));
  t.ok(deeper('[[[[]]]]'));
  t.ok(deeper('{"a":{"b":{"c":{"d":1}}}}'));
  t.end();
});

void t.test('brackets in strings are text', (t) => {
  t.notOk(deeper('["[[[[[[[[", "\\"[[[[[[", "\\\\", "{{{{{{{{"]'));
  t.ok(deeper('["\\\\", [[[1]]]]'), 'an escaped backslash ends no escape');
  t.end();
});

void t.test('what has no end is found at its depth', (t) => {
  t.ok(deeper('['.repeat(5_000_000), 64));
  t.notOk(deeper('['.repeat(64), 64));
  t.ok(deeper('['.repeat(65), 64));
  t.end();
});

void t.test('it agrees with what a parser finds', (t) => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const make = (depth: number): unknown => {
    const kind = depth === 0 ? 0 : random(4);
    if (kind === 0) return ['[{"\\', ']', '\\"', 'é{', '', 5][random(6)];
    const items = Array.from({ length: random(3) }, () => make(depth - 1));
    return kind === 1 ? items : Object.fromEntries(items.map((item, i) => [`k"${i}[`, item]));
  };
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null
      ? 1 + Math.max(0, ...Object.values(value).map(depthOf))
      : 0;
  const wrong: unknown[] = [];
  for (let round = 0; round < 2_000; round += 1) {
    const value = make(6);
    if (deeper(JSON.stringify(value), 3) !== depthOf(value) > 3) wrong.push(value);
  }
  t.same(wrong, []);
  t.end();
});
