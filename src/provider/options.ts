import { isIP } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { dnsLabelForm, isDnsLabel } from '../kube/dns-label.ts';
import { parseDuration } from '../kube/duration.ts';
import { ProviderError } from './errors.ts';
import { maxSiteLifetimeMs, minSiteLifetimeMs } from './pki/lifetimes.ts';
import type { SvidFileNames } from './pki/svid-files.ts';
import type { PortRange } from './node/port-allocator.ts';

/** Flags as commander gives them. */
export interface ProviderFlags {
  kubeconfig?: string;
  namespace: string;
  listen: string;
  publicAddress?: string[];
  nodeAddress?: string;
  kubeletPorts: string;
  kubeletListen: string;
  kubeletClientCa?: string;
  kubeletServingCertificate: string;
  disconnectGrace: string;
  drainGrace: string;
  trustDomain: string;
  siteCertificateLifetime: string;
  svidFile?: string;
  svidKeyFile?: string;
  svidBundleFile?: string;
  metricsListen?: string;
  logLevel: string;
}

export interface ProviderOptions {
  kubeconfig: string | undefined;
  namespace: string;
  listen: { host: string; port: number };
  /** As in `wss://host:port`; empty until it follows from where the provider listens. */
  publicAddresses: string[];
  nodeAddress: string;
  kubeletPorts: PortRange;
  kubeletListen: string;
  kubeletClientCa: string | undefined;
  /** Who issues the serving certificate of the nodes' kubelet API. */
  kubeletServing: 'own' | 'cluster';
  disconnectGraceMs: number;
  drainGraceMs: number;
  trustDomain: string;
  siteLifetimeMs: number;
  /** Where an outside SPIFFE authority keeps the provider's identity; undefined where the own CA issues. */
  svid: SvidFileNames | undefined;
  /** Where the provider's own metrics are served; nowhere where undefined. */
  metricsListen: { host: string; port: number } | undefined;
}

/** What the options depend on besides the flags. */
export interface Surroundings {
  environment: Record<string, string | undefined>;
  interfaces: Partial<Record<string, NetworkInterfaceInfo[]>>;
}

/** @throws ProviderError `FLAG_INVALID` */
export function providerOptions(flags: ProviderFlags, around: Surroundings): ProviderOptions {
  const listen = hostAndPort('--listen', flags.listen);
  const nodeAddress = nodeAddressOf(flags, around);
  return {
    kubeconfig: flags.kubeconfig,
    namespace: namespaceName(flags.namespace),
    listen,
    publicAddresses: (flags.publicAddress ?? []).map(publicAddress),
    nodeAddress,
    kubeletPorts: portRange(flags.kubeletPorts),
    kubeletListen: ipAddress('--kubelet-listen', flags.kubeletListen),
    kubeletClientCa: flags.kubeletClientCa,
    kubeletServing: issuer(flags.kubeletServingCertificate),
    disconnectGraceMs: duration('--disconnect-grace', flags.disconnectGrace),
    drainGraceMs: duration('--drain-grace', flags.drainGrace),
    trustDomain: trustDomain(flags.trustDomain),
    siteLifetimeMs: siteLifetime(flags.siteCertificateLifetime),
    svid: svidFiles(flags),
    metricsListen:
      flags.metricsListen === undefined
        ? undefined
        : hostAndPort('--metrics-listen', flags.metricsListen),
  };
}

/** The public address where none is given: the node address and the port that is listened on. */
export function defaultPublicAddress(options: ProviderOptions, port: number): string {
  const { host } = options.listen;
  const reachable = host === '0.0.0.0' || host === '::' ? options.nodeAddress : host;
  return `wss://${isIP(reachable) === 6 ? `[${reachable}]` : reachable}:${port}`;
}

function svidFiles(flags: ProviderFlags): SvidFileNames | undefined {
  const { svidFile: certificate, svidKeyFile: privateKey, svidBundleFile: bundle } = flags;
  if (certificate !== undefined && privateKey !== undefined && bundle !== undefined) {
    return { certificate, privateKey, bundle };
  }
  if (certificate === undefined && privateKey === undefined && bundle === undefined)
    return undefined;
  throw invalid('--svid-file', 'goes with --svid-key-file and --svid-bundle-file: give all three');
}

function issuer(text: string): ProviderOptions['kubeletServing'] {
  if (text === 'own' || text === 'cluster') return text;
  const problem = `--kubelet-serving-certificate: "${text}" is neither "own" nor "cluster"`;
  throw new ProviderError('FLAG_INVALID', problem);
}

function nodeAddressOf(flags: ProviderFlags, { environment, interfaces }: Surroundings): string {
  if (flags.nodeAddress !== undefined) return ipAddress('--node-address', flags.nodeAddress);
  const podIp = environment['POD_IP'];
  if (podIp !== undefined && podIp !== '') return ipAddress('POD_IP', podIp);
  const address = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4');
  if (address !== undefined) return address.address;
  throw invalid('--node-address', 'is needed: this machine has no address but its own loopback');
}

function publicAddress(text: string): string {
  const url = URL.parse(text);
  if (url === null || url.protocol !== 'wss:' || url.hostname === '') {
    throw invalid('--public-address', `"${text}" is not an address such as wss://host:8443`);
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw invalid('--public-address', `"${text}" has more than host and port`);
  }
  return `wss://${url.host}`;
}

function hostAndPort(flag: string, text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || port === undefined || Number(port) > 65_535) {
    throw invalid(flag, `"${text}" is not host:port, as in 0.0.0.0:8443`);
  }
  return { host: host === '' ? '0.0.0.0' : host, port: Number(port) };
}

function portRange(text: string): PortRange {
  if (text === '0') return { from: 0, to: 0 };
  const [, from, to] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  const range = { from: Number(from), to: Number(to) };
  if (!(range.from > 0 && range.from <= range.to && range.to <= 65_535)) {
    throw invalid('--kubelet-ports', `"${text}" is not a range such as 10350-14350, or 0 for any`);
  }
  return range;
}

function ipAddress(flag: string, text: string): string {
  if (isIP(text) === 0) throw invalid(flag, `"${text}" is not an IP address`);
  return text;
}

function duration(flag: string, text: string): number {
  try {
    const ms = parseDuration(text);
    if (ms > 0) return ms;
  } catch (cause) {
    throw invalid(flag, `"${text}" is not a duration such as 40s`, { cause });
  }
  throw invalid(flag, `"${text}" is not longer than no time`);
}

function siteLifetime(text: string): number {
  const flag = '--site-certificate-lifetime';
  const ms = duration(flag, text);
  if (ms >= minSiteLifetimeMs && ms <= maxSiteLifetimeMs) return ms;
  throw invalid(flag, `"${text}" is not between 3s and a year (8760h)`);
}

function namespaceName(text: string): string {
  if (isDnsLabel(text)) return text;
  throw invalid('--namespace', `"${text}" cannot be the name of one: that is ${dnsLabelForm}`);
}

function trustDomain(text: string): string {
  if (/^[a-z0-9._-]{1,255}$/.test(text)) return text;
  throw invalid('--trust-domain', `"${text}" may only have a-z, 0-9, ".", "-" and "_"`);
}

function invalid(flag: string, problem: string, options?: ErrorOptions): ProviderError {
  return new ProviderError('FLAG_INVALID', `${flag}: ${problem}`, options);
}
