import { KubeConfig } from '@kubernetes/client-node';
import { CliError } from './errors.ts';

/** Flags that say which cluster is meant, as kubectl's. */
export interface ClusterFlags {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
}

/**
 * Reads the kubeconfig that kubectl would.
 * @throws CliError `CONFIG_INVALID`
 */
export function loadKubeConfig(flags: ClusterFlags): KubeConfig {
  const config = new KubeConfig();
  try {
    if (flags.kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(flags.kubeconfig);
  } catch (cause) {
    const [why] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    throw invalid(
      `the kubeconfig cannot be read: ${why}: mend it, or name another with --kubeconfig or KUBECONFIG`,
      cause,
    );
  }
  if (flags.context !== undefined) config.setCurrentContext(flags.context);
  if (isFallback(config)) {
    throw invalid('there is no kubeconfig: give one with --kubeconfig, or set KUBECONFIG');
  }
  if (!config.getCurrentContext()) {
    throw invalid('the kubeconfig has no current context: choose one with --context');
  }
  if (config.getContextObject(config.getCurrentContext()) === null) {
    throw invalid(`there is no context "${config.getCurrentContext()}": choose one with --context`);
  }
  if (config.getCurrentCluster() === null) {
    throw invalid(
      `context "${config.getCurrentContext()}" names no cluster: choose another with --context`,
    );
  }
  return config;
}

/** The namespace of `-n`, else that of the context, else `default`. */
export function namespaceFor(config: KubeConfig, flags: ClusterFlags): string {
  const ofContext = config.getContextObject(config.getCurrentContext())?.namespace;
  return flags.namespace ?? (ofContext || 'default');
}

/** client-node makes up `http://localhost:8080` when it finds nothing. */
function isFallback(config: KubeConfig): boolean {
  return (
    config.getCurrentContext() === 'loaded-context' &&
    config.getCurrentCluster()?.server === 'http://localhost:8080'
  );
}

function invalid(message: string, cause?: unknown): CliError {
  return new CliError('CONFIG_INVALID', message, { cause });
}
