import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { CriClient } from '../cri/cri-client.ts';
import type { HostFacts } from '../host/host-facts.ts';
import { listNames, readText } from '../host/host-files.ts';
import { cniConfig, neededPlugins, rangesIn } from './cni-config.ts';
import { cniConfigName, removeBridge, untilTaken, writeConfig } from './cni-file.ts';
import { readCniSettings, type CniSettings } from './cni-settings.ts';
import { findCniConfig } from './find-cni-config.ts';
import { harmOf } from './node-ranges.ts';
import { planRanges, type RangePlan } from './plan-ranges.ts';
import { choosePodCidrs } from './pod-cidrs.ts';
import { hasAddresses } from './sandbox-addresses.ts';
import { readNetworks, readSurroundings, type SurroundingsSource } from './surroundings.ts';

interface PodNetworkOptions extends SurroundingsSource {
  cri: Pick<CriClient, 'status' | 'listPodSandbox' | 'podSandboxStatus'>;
  facts: Pick<HostFacts, 'machineId' | 'hostname'>;
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
  /** Why the device's networks could not be read when that was last tried; '' where they could. */
  #blindness = '';
  /** How the ranges that there are take the device off a network that it is on, if they do. */
  #harm: string | undefined;
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
    await network.#apply(signal, () => false);
    await network.#judge();
    return network;
  }

  get view(): PodNetworkView {
    const { note } = this.#view;
    if (this.#harm === undefined || note?.includes(this.#harm) === true) return this.#view;
    const harm = hides(this.#harm);
    return { ...this.#view, note: note === undefined ? harm : `${harm}; ${note}` };
  }

  /**
   * Takes over what the Node says, if it is new and no pod has an address. To be called when the Node
   * or the pods have changed, and before new pods are begun.
   * @returns when that is done, or undefined where there is nothing to wait for; never rejects.
   */
  follow(signal: AbortSignal): Promise<void> | undefined {
    const { podCidrs, nodeRanges, hasPods } = this.#options;
    if (this.#changing !== undefined) return this.#changing;
    if (this.#view.configuredBy !== 'runner' || podCidrs !== undefined) return undefined;
    const ranges = nodeRanges();
    const isSettled = ranges.length === 0 || String(ranges) === this.#settled;
    if (isSettled && this.#harm === undefined) return undefined;
    if (hasPods()) {
      const isThere = isSettled || String(ranges) === String(this.#view.ranges);
      if (!isThere && String(ranges) !== this.#waiting) this.#tell(postponed(ranges));
      return undefined;
    }
    return this.#change(signal, () => false);
  }

  /**
   * Looks whether the device has come onto a network that its pods' ranges hide, or off it: says so, and
   * takes others as soon as it can, except of `--pod-cidr`. Never rejects.
   */
  async look(signal: AbortSignal): Promise<void> {
    if (this.#changing !== undefined) return;
    const { podCidrs, hasPods } = this.#options;
    const before = this.#harm;
    if (!(await this.#canJudge()) || this.#harm === before || podCidrs !== undefined) return;
    await this.#change(signal, hasPods() ? hasPods : () => false);
  }

  /** Pods that come from now on wait until it is done. `isTaken`: whether one that was there before still is. */
  #change(signal: AbortSignal, isTaken: () => boolean): Promise<void> {
    const { nodeRanges, log } = this.#options;
    this.#changing ??= this.#apply(signal, isTaken)
      .catch((err: unknown) => {
        log.warn(
          { err, ranges: nodeRanges() },
          'the ranges of the pod network could not be changed',
        );
      })
      .finally(() => {
        this.#changing = undefined;
      });
    return this.#changing;
  }

  /** Judges, and says why it can't, once as long as that stays the same. */
  async #canJudge(): Promise<boolean> {
    try {
      await this.#judge();
      this.#blindness = '';
      return true;
    } catch (err) {
      const isTold = String(err) === this.#blindness;
      this.#blindness = String(err);
      this.#options.log[isTold ? 'debug' : 'warn'](
        { err, using: this.#view.ranges },
        'it cannot be told whether the pod network takes the device off a network; it is looked at again',
      );
      return false;
    }
  }

  async #judge(): Promise<void> {
    const { ranges } = this.#view;
    const networks = await readNetworks(this.#options);
    const [harm] = ranges.flatMap((range) => harmOf(range, networks) ?? []);
    const isTold = harm === this.#harm || this.#view.note?.includes(harm ?? '') === true;
    this.#harm = harm;
    if (harm === undefined || isTold) return;
    this.#options.log.warn({ using: ranges }, `the pod network ${hides(harm)}`);
  }

  /** `isTaken`: whether a pod has an address, or is getting one, that the runtime may not tell of yet. */
  async #apply(signal: AbortSignal, isTaken: () => boolean): Promise<void> {
    const { cri, nodeRanges, log } = this.#options;
    const present = await findCniConfig({}, dirname(this.#file));
    if (present !== undefined && present !== this.#file) {
      this.#view = { configuredBy: 'others', ranges: [] };
      return;
    }
    const ranges = nodeRanges();
    const before = present === undefined ? undefined : await readText({}, this.#file);
    if (before !== undefined) this.#view = { configuredBy: 'runner', ranges: rangesIn(before) };
    const { cidrs, note, isOpen } = await this.#plan(ranges, before);
    const text = cidrs === undefined ? before : this.#textOf(cidrs);
    if (cidrs !== undefined && text !== undefined && text !== before) {
      if (before !== undefined && (isTaken() || (await hasAddresses(cri)))) {
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
      this.#harm = undefined;
    }
    if (isOpen === undefined) this.#settled = String(ranges);
    if (note !== undefined) this.#tell(note);
  }

  async #plan(nodeRanges: readonly string[], before: string | undefined): Promise<RangePlan> {
    const { podCidrs, facts } = this.#options;
    if (podCidrs !== undefined) return { cidrs: podCidrs };
    const surroundings = await readSurroundings(this.#options);
    const deviceId = facts.machineId || facts.hostname;
    return planRanges({
      ...{ nodeRanges, before: before === undefined ? undefined : rangesIn(before), surroundings },
      chosen: choosePodCidrs({ ...surroundings, deviceId }),
    });
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

function hides(harm: string): string {
  return `takes the device off a network: ${harm}`;
}

function postponed(cidrs: readonly string[]): string {
  return `will be ${cidrs.join(', ')} once no pod has an address, at a reboot at the latest`;
}
