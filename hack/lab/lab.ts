import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startControlPlane, type ControlPlane, type ControlPlaneOptions } from './control-plane.ts';
import { startDevice, type Device } from './device.ts';
import { ensureLabImages } from './images.ts';
import { LabError } from './lab-error.ts';
import { createLabNetwork, type LabNetwork } from './network.ts';
import {
  claimLabFolder,
  isAbandoned,
  keepLab,
  labMark,
  readOwner,
  recordOwned,
} from './ownership.ts';
import { startProcess, type BackgroundProcess, type ProcessOptions } from './process.ts';
import type { Progress } from './progress.ts';
import { labBaseDir, removeLab } from './remove-lab.ts';

/** How a lab is made. */
export interface LabOptions {
  /** Names its folder; only one lab of a name can be up. Letters, digits and dashes. */
  readonly name: string;
  readonly progress: Progress;
  /** Instead of NAME in {@link labBaseDir}. */
  readonly dir?: string;
  readonly signal?: AbortSignal;
}

/**
 * A cluster's control plane and devices on this machine, and whatever else is started with it. All of
 * it is known from the lab's folder and from a mark in the environment of its processes, so that it can
 * be removed by another process too: by `sweepLabs` when its owner was killed, by `removeLab` when it
 * was kept.
 */
export interface Lab {
  readonly name: string;
  readonly dir: string;
  /** Devices reach the host here; a provider for them listens on it (or on 0.0.0.0). */
  readonly hostAddress: string;
  startControlPlane(
    options: Omit<ControlPlaneOptions, 'dir' | 'env' | 'signal'>,
  ): Promise<ControlPlane>;
  startDevice(options: { readonly name: string; readonly systemd?: boolean }): Promise<Device>;
  /** Starts a program on the host, say a provider; its output goes to `log/NAME.log` in the folder. */
  startProcess(options: Omit<ProcessOptions, 'logFile'>): Promise<BackgroundProcess>;
  /** The environment by which a process that one spawns oneself belongs to the lab. */
  readonly env: Readonly<Record<string, string>>;
  /** The lab stays up when this process ends; `removeLab(dir)` ends it. */
  keep(): Promise<void>;
  /** Kills and removes everything; keeps the files when asked. May be called again. */
  stop(options?: { readonly keepFiles?: boolean }): Promise<void>;
}

/**
 * Makes an empty lab: a folder, and a network that devices are put on.
 *
 * @throws LabError `not-root`, `in-use` when a lab of that name is up, `command-failed`.
 */
export async function createLab(options: LabOptions): Promise<Lab> {
  if (process.getuid?.() !== 0) {
    throw new LabError('not-root', 'a lab makes network namespaces: run this as root');
  }
  const dir = options.dir ?? join(labBaseDir(), options.name);
  await makeWay(dir);
  await claimLabFolder(dir);
  try {
    const network = await createLabNetwork(dir, options);
    await recordOwned(dir, { kind: 'cgroup', path: `/towline-lab-${network.bridge}` });
    return new RunningLab(options, dir, network);
  } catch (error) {
    await removeLab(dir);
    throw error;
  }
}

class RunningLab implements Lab {
  readonly name: string;
  readonly dir: string;
  readonly hostAddress: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #options: LabOptions;
  readonly #network: LabNetwork;
  readonly #processes: BackgroundProcess[] = [];
  readonly #devices: Device[] = [];
  /** Starts that haven't ended: a stop aborts them and waits, so that nothing appears behind its back. */
  readonly #starting = new Set<Promise<unknown>>();
  readonly #ending = new AbortController();
  readonly #signal: AbortSignal;
  #deviceNumber = 0;
  #stopped: Promise<void> | undefined;

  constructor(options: LabOptions, dir: string, network: LabNetwork) {
    const mark = labMark(dir);
    this.#options = options;
    this.#network = network;
    this.name = options.name;
    this.dir = dir;
    this.hostAddress = network.hostAddress;
    this.env = { [mark.name]: mark.value };
    this.#signal =
      options.signal === undefined
        ? this.#ending.signal
        : AbortSignal.any([options.signal, this.#ending.signal]);
  }

  startControlPlane(
    options: Omit<ControlPlaneOptions, 'dir' | 'env' | 'signal'>,
  ): Promise<ControlPlane> {
    return this.#start(() =>
      startControlPlane({
        ...options,
        dir: join(this.dir, 'control-plane'),
        env: this.env,
        signal: this.#signal,
      }),
    );
  }

  startDevice(options: { readonly name: string; readonly systemd?: boolean }): Promise<Device> {
    return this.#start(() => this.#startDevice(options));
  }

  async startProcess(options: Omit<ProcessOptions, 'logFile'>): Promise<BackgroundProcess> {
    const started = await startProcess({
      ...options,
      env: { ...this.env, ...options.env },
      logFile: join(this.dir, 'log', `${options.name}.log`),
    });
    this.#processes.push(started);
    return started;
  }

  async keep(): Promise<void> {
    await keepLab(this.dir);
  }

  stop(options: { readonly keepFiles?: boolean } = {}): Promise<void> {
    this.#stopped ??= this.#stop(options);
    return this.#stopped;
  }

  async #stop(options: { readonly keepFiles?: boolean }): Promise<void> {
    this.#ending.abort(new LabError('aborted', `the lab ${this.name} was stopped`));
    await Promise.allSettled(this.#starting);
    // What was started by hand gets the chance to end well; all else has nothing to lose.
    await Promise.all(this.#processes.toReversed().map((started) => started.stop(1_000)));
    await Promise.allSettled(this.#devices.map((device) => device.stop()));
    await removeLab(this.dir, options);
  }

  async #start<T>(work: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted();
    const started = work();
    this.#starting.add(started);
    try {
      return await started;
    } finally {
      this.#starting.delete(started);
    }
  }

  async #startDevice(options: {
    readonly name: string;
    readonly systemd?: boolean;
  }): Promise<Device> {
    const { name } = options;
    this.#deviceNumber += 1;
    const number = this.#deviceNumber;
    const images = await ensureLabImages({
      progress: this.#options.progress,
      signal: this.#signal,
    });
    const device = await startDevice({
      ...options,
      dir: join(this.dir, name),
      labDir: this.dir,
      network: this.#network,
      number,
      images,
      env: this.env,
      signal: this.#signal,
    });
    this.#devices.push(device);
    return device;
  }
}

async function makeWay(dir: string): Promise<void> {
  const base = join(dir, '..');
  await mkdir(base, { recursive: true });
  await chmod(base, 0o755);
  const owner = await readOwner(dir);
  if (owner === undefined) {
    return;
  }
  if (!isAbandoned(owner)) {
    const who = owner.kept ? 'was left up on purpose' : `belongs to process ${owner.process.pid}`;
    throw new LabError('in-use', `the lab at ${dir} is up and ${who}: stop it first`);
  }
  await removeLab(dir);
}
