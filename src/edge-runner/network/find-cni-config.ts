import { join } from 'node:path';
import { listNames, type HostRoot } from '../host/host-files.ts';

/** The configuration that containerd takes: libcni's rule, the first by name of those with its suffixes. */
export async function findCniConfig(
  root: HostRoot,
  configDir: string,
): Promise<string | undefined> {
  const names = await listNames(root, configDir);
  const [first] = names.filter((name) => /\.(conf|conflist|json)$/.test(name)).sort();
  return first === undefined ? undefined : join(configDir, first);
}
