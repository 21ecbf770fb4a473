import { KubeConfig } from '@kubernetes/client-node';
import { KubeApiError } from './kube-api-error.ts';

/**
 * The configuration from `file`, or from where kubectl and a pod look: `KUBECONFIG`,
 * `~/.kube/config`, the service account of the pod.
 * @throws KubeApiError `CONFIG_INVALID`
 */
export function loadKubeConfig(
  options: { file?: string | undefined; context?: string | undefined } = {},
): KubeConfig {
  const config = new KubeConfig();
  const source = options.file ?? 'the default kubeconfig';
  try {
    if (options.file === undefined) config.loadFromDefault();
    else config.loadFromFile(options.file);
  } catch (cause) {
    const [why] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    throw new KubeApiError(
      'CONFIG_INVALID',
      `cannot read ${source}: ${why}; mend it, or name another with --kubeconfig or KUBECONFIG`,
      { cause },
    );
  }
  if (options.context !== undefined) config.setCurrentContext(options.context);
  requireCluster(config, source);
  return config;
}

function requireCluster(config: KubeConfig, source: string): void {
  const cluster = config.getCurrentCluster();
  if (!config.getCurrentContext()) {
    throw new KubeApiError('CONFIG_INVALID', `${source} has no current context; name another file`);
  }
  if (cluster === null) {
    throw new KubeApiError(
      'CONFIG_INVALID',
      `${source} has no cluster for its context "${config.getCurrentContext()}"; choose another context`,
    );
  }
  if (isFallback(config)) {
    throw new KubeApiError(
      'CONFIG_INVALID',
      'no cluster is configured: give a kubeconfig file, set KUBECONFIG, or run in a pod with a service account',
    );
  }
}

/** client-node answers `http://localhost:8080` when it finds nothing; nobody serves that. */
function isFallback(config: KubeConfig): boolean {
  return (
    config.getCurrentContext() === 'loaded-context' &&
    config.getCurrentCluster()?.server === 'http://localhost:8080'
  );
}
