import type { Pod } from './api.ts';

export interface DnsConfig {
  servers: string[];
  searches: string[];
  options: string[];
}

/** The DNS of the cluster, where the device can reach it. */
export interface ClusterDns {
  /** Without any, `ClusterFirst` is `Default`, as with a kubelet. */
  servers: readonly string[];
  domain: string;
}

export interface PodDns {
  config: DnsConfig;
  /** What was left out for the limits of the resolver, as a kubelet's events `DNSConfigForming` say it. */
  warnings: string[];
}

/**
 * What goes into a pod's resolv.conf: the cluster's DNS, the device's own configuration, or nothing,
 * as its `dnsPolicy` says, and the pod's `dnsConfig` added to it, within the limits of the resolver.
 * Source: kubelet, pkg/kubelet/network/dns.
 */
export function podDns(pod: Pod, hostResolvConf: string, cluster: ClusterDns): PodDns {
  const base = policyConfig(pod, parseResolvConf(hostResolvConf), cluster);
  const extra = pod.spec.dnsConfig;
  const wanted = {
    servers: unique([...base.servers, ...(extra?.nameservers ?? [])]),
    searches: unique([...base.searches, ...(extra?.searches ?? [])]),
  };
  const servers = wanted.servers.slice(0, maxServers);
  const searches = fitSearches(wanted.searches);
  const warnings = [
    ...(servers.length === wanted.servers.length
      ? []
      : [omitted('Nameserver', 'nameserver', servers, 'nameservers')]),
    ...(searches.length === wanted.searches.length
      ? []
      : [omitted('Search Line', 'search', searches, 'search paths')]),
  ];
  const options = mergeOptions(base.options, extra?.options ?? []);
  return { config: { servers, searches, options }, warnings };
}

function omitted(limits: string, line: string, applied: string[], what: string): string {
  return `${limits} limits were exceeded, some ${what} have been omitted, the applied ${line} line is: ${applied.join(' ')}`;
}

function policyConfig(pod: Pod, host: DnsConfig, { servers, domain }: ClusterDns): DnsConfig {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = pod.spec;
  if (dnsPolicy === 'None') return { servers: [], searches: [], options: [] };
  const first =
    dnsPolicy === 'ClusterFirstWithHostNet' ||
    (dnsPolicy === 'ClusterFirst' && hostNetwork !== true);
  if (!first || servers.length === 0) return host;
  const own = [`${pod.metadata.namespace ?? ''}.svc.${domain}`, `svc.${domain}`, domain];
  return {
    servers: [...servers],
    searches: unique([...own, ...host.searches]),
    options: ['ndots:5'],
  };
}

/** Reads `nameserver`, the last `search` (or `domain`) and the last `options` of a resolv.conf. */
export function parseResolvConf(text: string): DnsConfig {
  const config: DnsConfig = { servers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && words[0] !== undefined) config.servers.push(words[0]);
    else if (keyword === 'search' || keyword === 'domain') config.searches = words;
    else if (keyword === 'options') config.options = words;
  }
  return config;
}

const maxServers = 3;
const maxSearches = 32;
const maxSearchLength = 2048;
/** Longer ones make some resolvers abort. */
const maxSearchPathLength = 253;

function fitSearches(searches: string[]): string[] {
  const fitting: string[] = [];
  for (const search of searches.slice(0, maxSearches)) {
    if (search.length > maxSearchPathLength) continue;
    if ([...fitting, search].join(' ').length > maxSearchLength) break;
    fitting.push(search);
  }
  return fitting;
}

/** An option of the pod replaces one of the device with the same name. */
function mergeOptions(base: string[], extra: { name?: string; value?: string }[]): string[] {
  const merged = new Map(base.map((option) => [option.split(':', 1)[0] ?? '', option]));
  for (const { name, value } of extra) {
    if (name === undefined || name === '') continue;
    merged.set(name, value === undefined ? name : `${name}:${value}`);
  }
  return Array.from(merged.values());
}

function unique(texts: string[]): string[] {
  return Array.from(new Set(texts));
}
