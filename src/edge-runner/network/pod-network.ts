import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { CriClient } from '../cri/cri-client.ts';
import type { HostFacts } from '../host/host-facts.ts';
import { listNames, readText, type HostRoot } from '../host/host-files.ts';
import { cniConfig, neededPlugins, rangesIn } from './cni-config.ts';
import { cniConfigName, removeBridge, untilTaken, writeConfig } from './cni-file.ts';
import { readCniSettings, type CniSettings } from './cni-settings.ts';
import { findCniConfig } from './find-cni-config.ts';
import type { RangeSurroundings } from './node-ranges.ts';
import { planRanges, type RangePlan } from './plan-ranges.ts';
import { choosePodCidrs } from './pod-cidrs.ts';
import { bridgesIpv6, masqueradesIpv6 } from './ipv6.ts';
import { hasAddresses } from './sandbox-addresses.ts';

interface PodNetworkOptions {
  cri: Pick<CriClient, 'status' | 'listPodSandbox' | 'podSandboxStatus'>;
  facts: Pick<HostFacts, 'machineId' | 'hostname'>;
  /** The device's own addresses as they are now, as `192.168.7.2/24`. */
  networks: () => readonly string[];
  /** Addresses that the device must reach, as far as it knows them now. */
  needed: () => Promise<readonly string[]>;
  /** Where its routes are read. */
  root?: HostRoot;
  /** Folder that a reboot empties. */
  memoryDir: string;
  /** What pods' addresses are to be from, whatever the Node says. */
  podCidrs: readonly string[] | undefined;
  /** What the cluster gave the Node, as far as it is known; not checked. */
  nodeRanges: () => readonly string[];
  /** Whether the runner has a pod that has an address, or is to get one. */
  hasPods: () => boolean;
  log: Logger;
}

/** The pod network as a person is told of it. */
export interface PodNetworkView {
  /** Who wrote its CNI configuration. */
  configuredBy: 'runner' | 'others' | 'nobody';
  /** Where pods' addresses are from; none where others say it. */
  ranges: readonly string[];
  /** Why that isn't what it is to be. */
  note?: string;
}

/**
 * The pod network of a device that has no CNI configuration: the runner writes one, with the ranges of
 * `--pod-cidr`, else those of the Node, else of its own choice. One that somebody else wrote is left
 * alone. Its own is kept as it is, but for other ranges that are given, or where it takes the device off
 * its network; both only while no pod has an address, for the bridge has one of the old range.
 */
export class PodNetwork {
  readonly #options: PodNetworkOptions;
  readonly #settings: CniSettings;
  readonly #file: string;
  #view: PodNetworkView = { configuredBy: 'nobody', ranges: [] };
  /** The Node's ranges that there is nothing left to do about. */
  #settled = '';
  /** The Node's ranges of which is known why they wait. */
  #waiting = '';
  /** The note that the log has. */
  #told = '';
  #changing: Promise<void> | undefined;

  private constructor(options: PodNetworkOptions, settings: CniSettings) {
    this.#options = options;
    this.#settings = settings;
    this.#file = join(settings.configDir, cniConfigName);
  }

  /**
   * Sees to it that there is one, and waits until containerd took it.
   * @throws CriError, RunnerError `FOLDER_UNUSABLE`
   */
  static async ensure(options: PodNetworkOptions, signal: AbortSignal): Promise<PodNetwork> {
    const network = new PodNetwork(options, await readCniSettings(options.cri));
    await network.#apply(signal);
    return network;
  }

  get view(): PodNetworkView {
    return this.#view;
  }

  /**
   * Takes over what the Node says, if it is new and no pod has an address. To be called when the Node
   * or the pods have changed, and before new pods are begun.
   * @returns when that is done, or undefined where there is nothing to wait for; never rejects.
   */
  follow(signal: AbortSignal): Promise<void> | undefined {
    const { podCidrs, nodeRanges, hasPods, log } = this.#options;
    if (this.#changing !== undefined) return this.#changing;
    if (this.#view.configuredBy !== 'runner' || podCidrs !== undefined) return undefined;
    const ranges = nodeRanges();
    if (ranges.length === 0 || String(ranges) === this.#settled) return undefined;
    if (hasPods()) {
      const isThere = String(ranges) === String(this.#view.ranges);
      if (!isThere && String(ranges) !== this.#waiting) this.#tell(postponed(ranges));
      return undefined;
    }
    this.#changing = this.#apply(signal)
      .catch((err: unknown) => {
        log.warn({ err, ranges }, "the Node's ranges could not be made those of the pod network");
      })
      .finally(() => {
        this.#changing = undefined;
      });
    return this.#changing;
  }

  async #apply(signal: AbortSignal): Promise<void> {
    const { cri, nodeRanges, log } = this.#options;
    const present = await findCniConfig({}, dirname(this.#file));
    if (present !== undefined && present !== this.#file) {
      this.#view = { configuredBy: 'others', ranges: [] };
      return;
    }
    const ranges = nodeRanges();
    const before = present === undefined ? undefined : await readText({}, this.#file);
    if (before !== undefined) this.#view = { configuredBy: 'runner', ranges: rangesIn(before) };
    const { cidrs: planned, note, isOpen } = await this.#plan(ranges, before);
    const cidrs = planned === 'choose' ? await this.#chosen() : planned;
    const text = cidrs === undefined ? before : this.#textOf(cidrs);
    if (cidrs !== undefined && text !== undefined && text !== before) {
      if (before !== undefined && (await hasAddresses(cri))) {
        this.#waiting = String(ranges);
        this.#tell(note === undefined ? postponed(cidrs) : `${note}; it ${postponed(cidrs)}`);
        return;
      }
      if (!(await this.#hasPlugins())) return;
      await removeBridge();
      await writeConfig(this.#file, text);
      log.info({ file: this.#file, cidrs }, 'wrote the CNI configuration of the pod network');
      await untilTaken(text, cri, signal);
      this.#view = { configuredBy: 'runner', ranges: cidrs };
    }
    if (isOpen === undefined) this.#settled = String(ranges);
    if (note !== undefined) this.#tell(note);
  }

  async #plan(nodeRanges: readonly string[], before: string | undefined): Promise<RangePlan> {
    const { podCidrs } = this.#options;
    if (podCidrs !== undefined) return { cidrs: podCidrs };
    return planRanges({
      ...{ nodeRanges, before: before === undefined ? undefined : rangesIn(before) },
      surroundings: await this.#surroundings(),
    });
  }

  async #chosen(): Promise<string[]> {
    const { facts, networks } = this.#options;
    const hasIpv6 = networks().some((network) => network.includes(':'));
    return choosePodCidrs({
      ...(await this.#surroundings()),
      hasIpv6: hasIpv6 && (await masqueradesIpv6()),
      deviceId: facts.machineId || facts.hostname,
    });
  }

  async #surroundings(): Promise<RangeSurroundings> {
    const { networks, needed, root = {} } = this.#options;
    return {
      routes: (await readText(root, '/proc/net/route')) ?? '',
      routes6: (await readText(root, '/proc/net/ipv6_route')) ?? '',
      ...{ networks: networks(), needed: await needed() },
      hasIpv6: (await bridgesIpv6(root)) && (await masqueradesIpv6()),
    };
  }

  #textOf(cidrs: readonly string[]): string {
    const addressDir = join(this.#options.memoryDir, 'addresses');
    return `${JSON.stringify(cniConfig({ cidrs, addressDir }), undefined, 2)}\n`;
  }

  async #hasPlugins(): Promise<boolean> {
    const { pluginDirs } = this.#settings;
    const plugins = (await Promise.all(pluginDirs.map((dir) => listNames({}, dir)))).flat();
    const missing = neededPlugins.filter((plugin) => !plugins.includes(plugin));
    if (missing.length === 0) return true;
    this.#options.log.warn(
      { missing, pluginDirs },
      'there is no pod network, and no CNI plugins to make one: install containernetworking-plugins and start the runner again',
    );
    return false;
  }

  /** To whoever asks, and once to the log. */
  #tell(note: string): void {
    this.#view = { ...this.#view, note };
    if (this.#told === note) return;
    this.#told = note;
    this.#options.log.warn({ using: this.#view.ranges }, `the pod network ${note}`);
  }
}

function postponed(cidrs: readonly string[]): string {
  return `will be ${cidrs.join(', ')} once no pod has an address, at a reboot at the latest`;
}
