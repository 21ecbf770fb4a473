import { listNames, type HostRoot } from './host-files.ts';

/**
 * Where the kernel tells how often each processor was too hot: what one container computes can be
 * guessed from there, so a kubelet masks it.
 */
export async function thermalThrottlePaths(root: HostRoot = {}): Promise<string[]> {
  const processors = (await listNames(root, folder)).filter((name) => /^cpu\d+$/.test(name));
  const found = await Promise.all(
    processors.map(async (name) => {
      const path = `${folder}/${name}/${counters}`;
      return (await listNames(root, path)).length > 0 ? [path] : [];
    }),
  );
  return found.flat().sort();
}

const folder = '/sys/devices/system/cpu';
const counters = 'thermal_throttle';
