import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readText } from '../host/host-files.ts';
import type { RunOnHost } from '../host/run-on-host.ts';
import { bandwidthLinks, removeBandwidthLink } from './bandwidth-links.ts';
import { bridgeName } from './cni-config.ts';
import { cniConfigName, removeBridge } from './cni-file.ts';
import type { CniSettings } from './cni-settings.ts';

/**
 * Takes away what runners have made of the pod network: the configuration, the bridge, and the interfaces
 * that bound what pods send. What isn't there is left out. @returns what it removed
 */
export async function removePodNetwork(settings: CniSettings, run: RunOnHost): Promise<string[]> {
  const file = join(settings.configDir, cniConfigName);
  const removed: string[] = [];
  if ((await readText({}, file)) !== undefined) {
    await rm(file);
    removed.push(file);
  }
  if (await removeBridge()) removed.push(`the bridge ${bridgeName}`);
  for (const link of await bandwidthLinks(run).catch(() => [])) {
    await removeBandwidthLink(link, run);
    removed.push(`the interface ${link}`);
  }
  return removed;
}
