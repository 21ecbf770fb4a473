import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readText } from '../host/host-files.ts';
import type { RunOnHost } from '../host/run-on-host.ts';
import { bandwidthLinks, removeBandwidthLink } from './bandwidth-links.ts';
import { bridgeName } from './cni-config.ts';
import { cniConfigName, removeBridge } from './cni-file.ts';
import type { CniSettings } from './cni-settings.ts';

interface Removal {
  removed: string[];
  /** What could not be removed, each with the reason and the remedy. */
  left: string[];
}

/**
 * Takes away what runners have made of the pod network: the configuration, the bridge, and the interfaces
 * that bound what pods send. What isn't there is left out, and an interface that can't be removed keeps nothing else there.
 * @throws the system's error when the configuration can't be removed
 */
export async function removePodNetwork(settings: CniSettings, run: RunOnHost): Promise<Removal> {
  const file = join(settings.configDir, cniConfigName);
  const removed: string[] = [];
  if ((await readText({}, file)) !== undefined) {
    await rm(file);
    removed.push(file);
  }
  if (await removeBridge()) removed.push(`the bridge ${bridgeName}`);
  const left = new Map<string, unknown>();
  for (const link of await bandwidthLinks(run).catch(() => [])) {
    try {
      await removeBandwidthLink(link, run);
      removed.push(`the interface ${link}`);
    } catch (error) {
      left.set(link, error);
    }
  }
  return { removed, left: left.size === 0 ? [] : await describeLeft(left, run) };
}

/** Those that have gone by themselves meanwhile are not left. */
async function describeLeft(left: Map<string, unknown>, run: RunOnHost): Promise<string[]> {
  const present = await bandwidthLinks(run).catch(() => Array.from(left.keys()));
  return Array.from(left)
    .filter(([link]) => present.includes(link))
    .map(
      ([link, error]) =>
        `the interface ${link} cannot be removed (${String(error).trim().replaceAll('\n', ': ')}) and is left there: ip link delete ${link} removes it`,
    );
}
