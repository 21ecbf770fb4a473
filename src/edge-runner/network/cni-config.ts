import { fieldOf, parseJson } from '../cri/json-field.ts';

/** Bridge of the pod network; by its beginning its addresses don't count as the device's own. */
export const bridgeName = 'cni-towline0';

export const networkName = 'towline';

/** Plugins that the configuration names always. */
export const neededPlugins: readonly string[] = ['bridge', 'host-local', 'portmap'];

export interface CniNetwork {
  /** One range for each address that a pod gets: IPv4, IPv6, or both. */
  readonly cidrs: readonly string[];
  /** Where `host-local` notes which addresses are taken; gone after a reboot, like the pods. */
  readonly addressDir: string;
}

/**
 * A CNI configuration list for a device that has none: pods on a bridge, with the device's own
 * address towards the outside, and host ports. No `bandwidth`, for the runner sees to that itself.
 * Source: the documentation of the CNI plugins; version 0.4.0 is understood by all of them.
 */
export function cniConfig({ cidrs, addressDir }: CniNetwork): object {
  return {
    cniVersion: '0.4.0',
    name: networkName,
    plugins: [
      {
        type: 'bridge',
        bridge: bridgeName,
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: addressDir,
          ranges: cidrs.map((subnet) => [{ subnet }]),
          routes: cidrs.map((cidr) => ({ dst: cidr.includes(':') ? '::/0' : '0.0.0.0/0' })),
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

/** The ranges in the text of such a list; none in one that isn't. */
export function rangesIn(text: string | undefined): string[] {
  const plugins = fieldOf(parseJson(text), 'plugins');
  const ranges = fieldOf(
    fieldOf(Array.isArray(plugins) ? plugins[0] : undefined, 'ipam'),
    'ranges',
  );
  if (!Array.isArray(ranges)) return [];
  return ranges.flat().map((range) => String(fieldOf(range, 'subnet')));
}
