import { KubeRuleError } from './kube-rule-error.ts';

/**
 * The value of a key in a file of lines `NAME='value'`, where a value may go over several lines; ''
 * where there is no such key. Blank lines and those that begin with `#` are left out, and after a space
 * behind the `=` the value is empty. Lines behind the one that is asked for aren't looked at.
 * @throws KubeRuleError `CONFIG_ERROR` in the kubelet's words, which tell nothing of the contents
 * Source: kubelet, pkg/kubelet/util/env, ParseEnv.
 */
export function envFileValue(text: string, key: string): string {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  while (lines.length > 0) {
    const line = (lines.shift() ?? '').replace(/^[ \t]+/, '');
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
function quoted(first: string, following: string[]): string {
  if (!first.startsWith("'")) throw unreadable();
  let open = first.slice(1);
  while (!open.includes("'")) {
    const next = following.shift();
    if (next === undefined) throw unreadable();
    open += `\n${next}`;
  }
  const end = open.indexOf("'");
  if (!/^[ \t]*(#|$)/.test(open.slice(end + 1))) throw unreadable();
  return open.slice(0, end);
}
