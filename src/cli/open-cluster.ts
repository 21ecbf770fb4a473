import { Cluster } from './cluster.ts';
import { loadKubeConfig, namespaceFor, type ClusterFlags } from './kube-config.ts';
import type { CliIo } from './output.ts';

/**
 * The cluster and the namespace that the flags mean.
 * @throws CliError `CONFIG_INVALID`
 */
export function openCluster(
  flags: ClusterFlags,
  io: CliIo,
): { cluster: Cluster; namespace: string } {
  const config = loadKubeConfig(flags);
  const cluster = new Cluster(config, (server) => {
    // Only for somebody who watches: a script gets the one line that counts.
    if (io.stderr.isTTY === true) io.stderr.write(`waiting for the API server at ${server} ...\n`);
  });
  return { cluster, namespace: namespaceFor(config, flags) };
}
