/**
 * A line of a test's TAP as a person reads it: what a subtest is about, what it did, what it saw.
 * `undefined` for what is there for programs: plans, results of whole subtests, times, details.
 */
export function storyLine(line: string): string | undefined {
  const [, indent = '', rest = ''] = /^(\s*)(.*)$/.exec(line) ?? [];
  const subtest = /^# Subtest: (.*)$/.exec(rest)?.[1];
  if (subtest !== undefined) return `${indent}${subtest}`;
  const comment = /^# (?!time=|\{)(.*)$/.exec(rest)?.[1];
  if (comment !== undefined) return `${indent}· ${comment}`;
  const result = /^(not )?ok \d+ - (.*)$/.exec(rest);
  if (result === null || / # (time=|SKIP|TODO)/.test(rest)) return undefined;
  return `${indent}${result[1] === undefined ? 'ok' : 'FAILED'} ${result[2] ?? ''}`;
}
