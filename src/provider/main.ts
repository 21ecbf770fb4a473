import { networkInterfaces } from 'node:os';
import process from 'node:process';
import { Command, CommanderError } from 'commander';
import { pino, type Logger } from 'pino';
import { keepMemoryFromCoreDumps } from '../tunnel/core-dumps.ts';
import { ProviderError } from './errors.ts';
import { KubeApiError } from './kube-client/kube-api-error.ts';
import { KubeletApiError } from './kubelet-api/kubelet-api-error.ts';
import { disconnectGraceMs, drainGraceMs } from './limits.ts';
import { type ProviderFlags, providerOptions } from './options.ts';
import { PkiError } from './pki/errors.ts';
import { Provider } from './provider.ts';
import { TunnelServerError } from './tunnel-server/errors.ts';
import { towlineVersion } from './version.ts';

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** @returns the exit status; every failure has been told in one line. */
async function main(): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      stop.abort(name);
    });
  }
  try {
    const flags = parseFlags(process.argv);
    const log = logger(flags.logLevel);
    const options = providerOptions(flags, {
      environment: process.env,
      interfaces: networkInterfaces(),
    });
    await new Provider({ ...options, version: towlineVersion(), log }).run(stop.signal);
    return 0;
  } catch (error) {
    // Has been told already.
    if (error instanceof CommanderError) return error.exitCode;
    if (stop.signal.aborted) return 0;
    process.stderr.write(`towline-provider: ${lineFor(error)}\n`);
    return 1;
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
    .option(
      '--kubelet-serving-certificate <issuer>',
      "who issues the nodes' serving certificate: own, or cluster (certificates.k8s.io)",
      'own',
    )
    .option(
      '--disconnect-grace <duration>',
      'how long a site may be away unnoticed',
      `${disconnectGraceMs / 1000}s`,
    )
    .option(
      '--drain-grace <duration>',
      'how long exec, logs and the like may go on at the end',
      `${drainGraceMs / 1000}s`,
    )
    .option('--trust-domain <name>', "SPIFFE trust domain of the sites' identities", 'towline')
    .option('--site-certificate-lifetime <duration>', "lifetime of the sites' certificates", '720h')
    .option(
      '--svid-file <file>',
      "provider's X.509-SVID by a SPIFFE authority, in place of the own CA",
    )
    .option('--svid-key-file <file>', 'its key')
    .option('--svid-bundle-file <file>', "CAs of the trust domain, which sites' SVIDs are from")
    .option(
      '--metrics-listen <host:port>',
      "where the provider's own metrics are served, and probes are answered, over HTTP (default: nowhere)",
    )
    .option('--log-level <level>', levels.join(', '), 'info')
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => {
        const problem = text
          .trim()
          .replaceAll(/\s*\n\s*/g, ' ')
          .replace(/^error: |\.$/g, '');
        write(`towline-provider: ${problem}; see towline-provider --help\n`);
      },
    })
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
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: describeError },
  });
}

/** A failure with a code says by it what happened; only a defect of ours needs its stack. */
function describeError(error: Error): object {
  const { stack, ...description } = pino.stdSerializers.err(error);
  const { code } = error as { code?: unknown };
  // Node's own ERR_ codes are mostly those of wrong calls.
  const isExpected = typeof code === 'string' && !code.startsWith('ERR_');
  return isExpected ? description : { stack, ...description };
}

/** One line for what a person can mend; a defect of ours shows where it is. */
function lineFor(error: unknown): string {
  const known = [ProviderError, KubeApiError, KubeletApiError, PkiError, TunnelServerError];
  if (known.some((type) => error instanceof type)) {
    return (error as Error).message.replaceAll(/\s*\n\s*/g, ' ');
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

keepMemoryFromCoreDumps();
// Not by exitCode: a lookup of a name that was given up can't be ended, and would hold the process.
process.exit(await main());
