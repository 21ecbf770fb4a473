import { delimiter } from 'node:path';

/** Where Debian keeps programs, the administrator's included. */
export const systemFolders = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
] as const;

/**
 * An environment in which ip, iptables and runc are found: root's PATH lacks their folders when one
 * became root with plain `su`.
 */
export function withSystemPath(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, PATH: programFolders(env).join(delimiter) };
}

/** The folders of PATH, then the system's. */
export function programFolders(env: NodeJS.ProcessEnv): string[] {
  const asked = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...new Set([...asked, ...systemFolders])];
}
