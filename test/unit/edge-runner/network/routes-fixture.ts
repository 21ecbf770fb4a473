const head =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';

/** A line of `/proc/net/route`; the kernel writes addresses with their last byte first. */
export function route4(device: string, destination: string, gateway: string, mask: string): string {
  return `${device}\t${destination}\t${gateway}\t0001\t0\t0\t0\t${mask}\t0\t0\t0\n`;
}

/** Text of `/proc/net/route`. */
export function routes4(...lines: readonly string[]): string {
  return head + lines.join('');
}

/** On eth0 in 192.168.7.0/24, the gateway is 192.168.7.1. */
export const lan = routes4(
  route4('eth0', '00000000', '0107A8C0', '00000000'),
  route4('eth0', '0007A8C0', '00000000', '00FFFFFF'),
);
