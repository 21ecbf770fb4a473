import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from '../cluster.ts';

/** Writes a kubeconfig that names another API server. @returns its path. */
export async function kubeconfigOf(
  cluster: Cluster,
  name: string,
  server: string,
): Promise<string> {
  const text = await readFile(cluster.plane.adminKubeconfig, 'utf8');
  const path = join(cluster.lab.dir, `${name}.kubeconfig`);
  await writeFile(path, text.replace(/server: .*/, `server: ${server}`), { mode: 0o600 });
  return path;
}

/** Writes what is no kubeconfig. @returns its path. */
export async function brokenKubeconfig({ lab }: Cluster): Promise<string> {
  const path = join(lab.dir, 'broken.kubeconfig');
  await writeFile(path, 'a: b\n c: - d\n\t{');
  return path;
}
