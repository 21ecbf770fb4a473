import { KubeRuleError } from './kube-rule-error.ts';

/**
 * The value of a key in a file of lines `NAME='value'`, where a value may go over several lines; ''
 * where there is no such key. Blank lines and those that begin with `#` are left out, and after a space
 * behind the `=` the value is empty. Lines behind the one that is asked for aren't looked at.
 * @throws KubeRuleError `CONFIG_ERROR` in the kubelet's words, which tell nothing of the contents
 * Source: kubelet, pkg/kubelet/util/env, ParseEnv.
 */
export function envFileValue(text: string, key: string): string {
  const lines = text
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .values();
  for (const indented of lines) {
    const line = indented.replace(/^[ \t]+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const [, name, rest = ''] = /^([^=]*[^= \t])=(.*)$/s.exec(line) ?? [];
    if (name === undefined) throw unreadable();
    const value = /^[ \t]/.test(rest) ? '' : quoted(rest, lines);
    if (name === key) return value;
  }
  return '';
}

/** Why a file can't be used; what is wrong in it may be a secret. */
export function unreadable(cause?: unknown): KubeRuleError {
  return new KubeRuleError('CONFIG_ERROR', "couldn't parse env file", { cause });
}

/** Takes more of the lines that follow until the value is closed. */
function quoted(first: string, following: Iterator<string>): string {
  if (!first.startsWith("'")) throw unreadable();
  const parts: string[] = [];
  let part = first.slice(1);
  while (!part.includes("'")) {
    parts.push(part);
    const next = following.next();
    if (next.done === true) throw unreadable();
    part = next.value;
  }
  const end = part.indexOf("'");
  if (!/^[ \t]*(#|$)/.test(part.slice(end + 1))) throw unreadable();
  return [...parts, part.slice(0, end)].join('\n');
}
