import { networkInterfaces } from 'node:os';
import process from 'node:process';
import { Command } from 'commander';
import { pino, type Logger } from 'pino';
import { ProviderError } from './errors.ts';
import { KubeApiError } from './kube-client/kube-api-error.ts';
import { KubeletApiError } from './kubelet-api/kubelet-api-error.ts';
import { type ProviderFlags, providerOptions } from './options.ts';
import { PkiError } from './pki/errors.ts';
import { Provider } from './provider.ts';
import { TunnelServerError } from './tunnel-server/errors.ts';
import { towlineVersion } from './version.ts';

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

async function main(): Promise<void> {
  const flags = parseFlags(process.argv);
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      stop.abort(name);
    });
  }
  try {
    const log = logger(flags.logLevel);
    const options = providerOptions(flags, {
      environment: process.env,
      interfaces: networkInterfaces(),
    });
    await new Provider({ ...options, version: towlineVersion(), log }).run(stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return;
    process.stderr.write(`towline-provider: ${lineFor(error)}\n`);
    process.exitCode = 1;
  }
}

function parseFlags(argv: string[]): ProviderFlags {
  return new Command('towline-provider')
    .description('Stands for sites behind NAT as nodes of a Kubernetes cluster.')
    .version(towlineVersion(), '--version')
    .option('--kubeconfig <file>', 'cluster to serve (default: KUBECONFIG, or the service account)')
    .option('--namespace <name>', "namespace of the provider's own objects", 'towline-system')
    .option('--listen <host:port>', 'where sites join and connect', '0.0.0.0:8443')
    .option('--public-address <wss://host:port...>', 'how sites reach the provider')
    .option('--node-address <ip>', 'how the API server reaches the nodes (default: POD_IP)')
    .option('--kubelet-ports <from-to>', "ports of the nodes' kubelet APIs; 0: any", '10350-14350')
    .option('--kubelet-listen <ip>', "address that the nodes' kubelet APIs listen on", '0.0.0.0')
    .option('--kubelet-client-ca <file>', 'CA of the API server (default: as the cluster says)')
    .option('--disconnect-grace <duration>', 'how long a site may be away unnoticed', '40s')
    .option('--trust-domain <name>', "SPIFFE trust domain of the sites' identities", 'towline')
    .option('--log-level <level>', levels.join(', '), 'info')
    .showHelpAfterError('(--help shows all flags)')
    .allowExcessArguments(false)
    .parse(argv)
    .opts<ProviderFlags>();
}

function logger(level: string): Logger {
  if (!levels.includes(level)) {
    throw new ProviderError(
      'FLAG_INVALID',
      `--log-level: "${level}" is none of ${levels.join(', ')}`,
    );
  }
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
}

/** One line for what a person can mend; a defect of ours shows where it is. */
function lineFor(error: unknown): string {
  const known = [ProviderError, KubeApiError, KubeletApiError, PkiError, TunnelServerError];
  if (known.some((type) => error instanceof type)) return (error as Error).message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

await main();
