import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { readText, type HostRoot } from '../host/host-files.ts';

/** Whether what pods send by IPv6 can leave by an address of the device; else the bridge plugin fails for every pod. */
export async function masqueradesIpv6(): Promise<boolean> {
  return promisify(execFile)('ip6tables', ['-w', '-t', 'nat', '-S', 'POSTROUTING']).then(
    () => true,
    () => false,
  );
}

/** Whether a new interface of the device, as the bridge is, may have IPv6 addresses. */
export async function bridgesIpv6(root: HostRoot = {}): Promise<boolean> {
  const disabled = await readText(root, '/proc/sys/net/ipv6/conf/default/disable_ipv6');
  return disabled?.trim() === '0';
}
