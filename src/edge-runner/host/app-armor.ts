import { readText, type HostRoot } from './host-files.ts';

/** Whether the kernel confines processes by AppArmor. */
export async function hasAppArmor(root: HostRoot = {}): Promise<boolean> {
  const enabled = await readText(root, '/sys/module/apparmor/parameters/enabled');
  return enabled?.startsWith('Y') === true;
}
