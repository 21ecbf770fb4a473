import { execFile } from 'node:child_process';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import type { CriClient } from '../cri/cri-client.ts';
import { RunnerError } from '../errors.ts';
import type { HostFacts } from '../host/host-facts.ts';
import { listNames, readText } from '../host/host-files.ts';
import { systemCodeOf } from '../join/errors.ts';
import { findCniConfig } from './find-cni-config.ts';
import { bridgeName, cniConfig, neededPlugins } from './cni-config.ts';
import { readCniSettings, type CniSettings } from './cni-settings.ts';
import { networkReadyTimeoutMs } from './limits.ts';
import { choosePodCidrs } from './pod-cidrs.ts';

const run = promisify(execFile);

/** Last in libcni's order, so that any other configuration comes before it. */
export const cniConfigName = '99-towline.conflist';

interface PodNetworkOptions {
  cri: Pick<CriClient, 'status' | 'listPodSandbox'>;
  facts: Pick<HostFacts, 'addresses' | 'machineId' | 'hostname'>;
  /** Folder that a reboot empties. */
  memoryDir: string;
  /** What pods' addresses are to be from; chosen when undefined. */
  podCidrs: readonly string[] | undefined;
  log: Logger;
}

/**
 * Gives the device a pod network when it has no CNI configuration, and waits until containerd took
 * it. One that somebody else wrote is left alone; its own is kept as it is, but for other `podCidrs`
 * while there are no pods.
 * @throws CriError, RunnerError `FOLDER_UNUSABLE`
 */
export async function ensurePodNetwork(
  options: PodNetworkOptions,
  signal: AbortSignal,
): Promise<void> {
  const { cri, log } = options;
  const settings = await readCniSettings(cri);
  const file = join(settings.configDir, cniConfigName);
  const present = await findCniConfig({}, settings.configDir);
  if (present !== undefined && present !== file) return;
  if (present !== undefined && options.podCidrs === undefined) return;
  const plugins = await installedPlugins(settings);
  const missing = neededPlugins.filter((plugin) => !plugins.includes(plugin));
  if (missing.length > 0) {
    log.warn(
      { missing, pluginDirs: settings.pluginDirs },
      'there is no pod network, and no CNI plugins to make one: install containernetworking-plugins and start the runner again',
    );
    return;
  }
  const cidrs = options.podCidrs ?? (await podCidrs(options.facts));
  const addressDir = join(options.memoryDir, 'addresses');
  const text = `${JSON.stringify(cniConfig({ cidrs, addressDir }), undefined, 2)}\n`;
  if (present !== undefined) {
    if ((await readText({}, file)) === text) return;
    if (!(await clearBridge(cri, log))) return;
  }
  await writeConfig(file, text);
  log.info({ file, cidrs }, 'wrote a CNI configuration, for there was none');
  await untilReady(cri, signal);
}

/** Takes the configuration and the bridge away, if they are there and the runner's. @returns what it removed */
export async function removePodNetwork(settings: CniSettings): Promise<string[]> {
  const file = join(settings.configDir, cniConfigName);
  const removed: string[] = [];
  if ((await readText({}, file)) !== undefined) {
    await rm(file);
    removed.push(file);
  }
  if (await removeBridge()) removed.push(`the bridge ${bridgeName}`);
  return removed;
}

async function installedPlugins({ pluginDirs }: CniSettings): Promise<string[]> {
  return (await Promise.all(pluginDirs.map((dir) => listNames({}, dir)))).flat();
}

async function podCidrs(facts: PodNetworkOptions['facts']): Promise<string[]> {
  return choosePodCidrs({
    routes: (await readText({}, '/proc/net/route')) ?? '',
    hasIpv6: facts.addresses.some(({ family }) => family === 6) && (await masqueradesIpv6()),
    deviceId: facts.machineId || facts.hostname,
  });
}

/** Without this the bridge plugin fails for every pod. */
async function masqueradesIpv6(): Promise<boolean> {
  return run('ip6tables', ['-w', '-t', 'nat', '-S', 'POSTROUTING']).then(
    () => true,
    () => false,
  );
}

/** A bridge keeps the address of its first range. @returns whether nothing uses it any more. */
async function clearBridge(cri: PodNetworkOptions['cri'], log: Logger): Promise<boolean> {
  if ((await cri.listPodSandbox({})).items.length > 0) {
    log.warn('the pod network gets its new ranges at the next start without pods');
    return false;
  }
  await removeBridge();
  return true;
}

async function removeBridge(): Promise<boolean> {
  return run('ip', ['link', 'delete', bridgeName]).then(
    () => true,
    () => false,
  );
}

/** At once or not at all, for containerd watches the folder; what libcni reads ends in `.conflist`. */
async function writeConfig(file: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.new`, text, { mode: 0o644 });
    await rename(`${file}.new`, file);
  } catch (cause) {
    throw new RunnerError(
      'FOLDER_UNUSABLE',
      `the CNI configuration ${file} cannot be written (${systemCodeOf(cause) ?? String(cause)}): make its folder writable, or put a configuration of your own there`,
      { cause },
    );
  }
}

/** containerd reads it by itself; a network that it can't use stays a condition of the Node. */
async function untilReady(cri: PodNetworkOptions['cri'], signal: AbortSignal): Promise<void> {
  const deadlineMs = performance.now() + networkReadyTimeoutMs;
  while (!signal.aborted && performance.now() < deadlineMs) {
    const { status } = await cri.status({});
    if (status?.conditions.find(({ type }) => type === 'NetworkReady')?.status === true) return;
    await delay(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

const pollMs = 20;
