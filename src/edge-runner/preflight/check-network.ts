import { failed, ok, warning, type Check } from './check.ts';
import type { DeviceFacts } from './device-facts.ts';

const pluginPackage = 'containernetworking-plugins';

/** Plugins of the configuration that the runner writes, and `loopback`, which containerd calls itself. */
const ownPlugins = ['bridge', 'host-local', 'loopback', 'portmap'];

/** CNI plugins, the configuration for them, and the firewall that they program. */
export function checkNetwork(facts: DeviceFacts): Check[] {
  return [
    checkPlugins(facts),
    checkConfig(facts),
    checkFirewall(facts),
    checkBandwidth(facts),
    checkTrust(facts),
  ];
}

function checkPlugins({ cni }: DeviceFacts): Check {
  const name = 'cni-plugins';
  const places = cni.pluginDirs.join(' or ');
  const wanted = cni.configFile === undefined ? ownPlugins : (cni.configPlugins ?? []);
  const missing = [...new Set([...wanted, 'loopback'])].filter(
    (plugin) => !cni.plugins.includes(plugin),
  );
  if (missing.length > 0) {
    return failed(
      name,
      `the CNI plugin ${missing.join(', ')} is not in ${places}`,
      `install it; if it is elsewhere, name its folder as bin_dir in containerd's config.toml`,
      pluginPackage,
    );
  }
  return ok(name, places);
}

function checkConfig({ cni, containerd }: DeviceFacts): Check {
  const name = 'cni-config';
  if (cni.configFile === undefined) {
    return ok(name, `none in ${cni.configDir}; the runner writes one`);
  }
  if (cni.configPlugins === undefined) {
    return failed(
      name,
      `${cni.configFile} is no CNI configuration`,
      'mend it, or remove it and the runner writes one',
    );
  }
  if (!('trouble' in containerd) && !containerd.networkReady) {
    return failed(
      name,
      `containerd does not take ${cni.configFile}: ${containerd.networkMessage}`,
      'mend it, or remove it and the runner writes one',
    );
  }
  return ok(name, cni.configFile);
}

function checkFirewall({ programs }: DeviceFacts): Check {
  const found = ['iptables', 'nft'].find((program) => programs.has(program));
  if (found !== undefined) return ok('firewall', found);
  return failed(
    'firewall',
    'there is no iptables, by which pods reach the outside and host ports reach pods',
    'install it',
    'iptables',
  );
}

/** Pods with the annotations for their bandwidth need it; without `ip` others are found late where one had their address before. */
function checkBandwidth({ programs, kernel }: DeviceFacts): Check {
  const name = 'bandwidth';
  const missing = ['ip', 'tc'].filter((program) => !programs.has(program));
  const refused = 'so pods that bound their bandwidth cannot be started';
  if (missing.length > 0) {
    return warning(name, `there is no ${missing.join(', ')}, ${refused}`, 'install it', 'iproute2');
  }
  const options = kernel.missingForBandwidth.map(({ option }) => option).join(', ');
  if (options === '') return ok(name, 'tc');
  const remedy = 'install the kernel modules or a kernel with them, and reboot';
  return warning(name, `the kernel lacks ${options}, ${refused}`, remedy);
}

/** containerd checks registries against the system's certificates. */
function checkTrust({ hasCaCertificates }: DeviceFacts): Check {
  if (hasCaCertificates) return ok('ca-certificates', 'installed');
  return warning(
    'ca-certificates',
    'there are no CA certificates, so images cannot be pulled from public registries',
    'install them',
    'ca-certificates',
  );
}
