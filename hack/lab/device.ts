import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeCgroup } from './cgroups.ts';
import { run, runChecked, type CommandOptions, type CommandResult } from './command.ts';
import {
  planContainerd,
  writeContainerdConfig,
  type ContainerdLayout,
} from './containerd-config.ts';
import {
  createDeviceNamespace,
  createRouter,
  limitLink,
  linkDown,
  linkUp,
  loseConnections,
  namespacePath,
  planDeviceNetwork,
  readTraffic,
  removeDeviceNamespace,
  removeNamespace,
  setBlackHole,
  type ConnectionEnd,
  type DeviceNetworkPlan,
  type UplinkDirection,
  type UplinkTraffic,
} from './device-network.ts';
import { insideOf, startSystemd } from './device-systemd.ts';
import { busyboxImage } from './images.ts';
import { killDevice } from './kill-device.ts';
import { LabError } from './lab-error.ts';
import type { LabNetwork } from './network.ts';
import { recordOwned } from './ownership.ts';
import { startProcess, type BackgroundProcess, type ProcessOptions } from './process.ts';
import { withSystemPath } from './system-path.ts';

/** How a device is made. */
export interface DeviceOptions {
  /** Lower-case letters, digits and dashes, unique in its lab. */
  readonly name: string;
  /** The device's folder; short, for sockets are in it. */
  readonly dir: string;
  /** The lab's folder, where what must be removed is written down. */
  readonly labDir: string;
  readonly network: LabNetwork;
  /** Counts the devices of a lab from 1. */
  readonly number: number;
  /** Whether a systemd of its own runs on it, and owns its cgroups; containerd asks that for them. */
  readonly systemd?: boolean;
  /** Image tars that it starts with. */
  readonly images: readonly string[];
  /** Added to the environment of everything that runs on it. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A command that runs on a device, for spawning it in a way of one's own. */
export interface DeviceCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/**
 * A simulated device: a network namespace behind a NAT router of its own, and a containerd of its own
 * inside. It shares the machine's files, processes and cgroups, so a runner uses paths below
 * {@link Device.dir} and the cgroup {@link Device.cgroupRoot}.
 */
export interface Device {
  readonly name: string;
  readonly dir: string;
  /** containerd's socket, for CRI and events. */
  readonly socket: string;
  readonly namespace: string;
  /** At this address the device reaches what listens on the host. */
  readonly hostAddress: string;
  /** The address from which the host sees the device's connections. */
  readonly publicAddress: string;
  /** The parent of all cgroups of the device's pods; nothing else is in it. */
  readonly cgroupRoot: string;
  /** Holds `HOST/hosts.toml` for registries, see containerd's hosts.md. */
  readonly registryDir: string;
  /** Starts a program on the device; its output goes to `log/NAME.log` in the device's folder. */
  exec(options: Omit<ProcessOptions, 'logFile'>): Promise<BackgroundProcess>;
  /** Runs a program on the device to its end. */
  run(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /**
   * The command that runs a program on the device; it keeps the pid of the process spawned, unless
   * the device has systemd.
   */
  command(command: string, args: readonly string[]): DeviceCommand;
  /** Runs containerd's own client in the namespace of CRI; gives its standard output. */
  ctr(...args: readonly string[]): Promise<string>;
  importImage(tar: string): Promise<void>;
  /** Starts a busybox container without CRI, in a cgroup of its name below {@link cgroupRoot}. */
  runContainer(name: string, command: readonly string[]): Promise<void>;
  /** Takes the network cable out: what the device sends fails at once. */
  uplinkDown(): Promise<void>;
  uplinkUp(): Promise<void>;
  /**
   * The uplink swallows what goes one way or, by default, everything, silently, also of connections
   * that are open.
   */
  blackhole(direction?: UplinkDirection): Promise<void>;
  unblackhole(direction?: UplinkDirection): Promise<void>;
  /** One end loses its connections to a port of the host; the other's stay half-open. */
  loseConnections(end: ConnectionEnd, port: number): Promise<void>;
  /** Both ways, in kilobits per second; undefined lifts the limit. */
  limitUplink(kbitPerS: number | undefined): Promise<void>;
  uplinkTraffic(): Promise<UplinkTraffic>;
  /** Stops containerd, when it runs, and starts it; containers run on. */
  restartContainerd(): Promise<void>;
  /** SIGKILL to containerd alone: its shims and containers run on. */
  killContainerd(): Promise<void>;
  /**
   * What pulling the plug and booting again does: everything that runs on the device is killed,
   * including what `exec` started; containerd's state, mounts and the network namespace are made anew,
   * its root stays, and a cut uplink stays cut. containerd runs again afterwards, and nothing else.
   */
  reboot(): Promise<void>;
  /** Kills everything on it and removes it, but for files. May be called again. */
  stop(): Promise<void>;
}

const readyTimeoutMs = 30_000;
const namePattern = /^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$/;

/**
 * Makes a device and starts its containerd, and waits until CRI's images are there.
 *
 * @throws LabError `command-failed`, `not-ready` with the end of containerd's log. What was made by
 *   then is removed.
 */
export async function startDevice(options: DeviceOptions): Promise<Device> {
  if (!namePattern.test(options.name)) {
    throw new LabError(
      'bad-answer',
      `${options.name} cannot be a device's name: use a-z, 0-9 and -`,
    );
  }
  const device = new RunningDevice(
    options,
    planDeviceNetwork(options.network, options.number, options.name),
    planContainerd(options.dir),
  );
  try {
    await device.start();
  } catch (error) {
    await device.stop();
    throw error;
  }
  return device;
}

class RunningDevice implements Device {
  readonly name: string;
  readonly dir: string;
  readonly socket: string;
  readonly namespace: string;
  readonly hostAddress: string;
  readonly publicAddress: string;
  readonly cgroupRoot: string;
  readonly registryDir: string;
  readonly #options: DeviceOptions;
  readonly #network: DeviceNetworkPlan;
  readonly #layout: ContainerdLayout;
  #containerd: BackgroundProcess | undefined;
  /** What makes or removes parts of the device, one after the other. */
  #last: Promise<void> = Promise.resolve();
  #stopped = false;
  #systemdPid: number | undefined;
  #isUnplugged = false;

  constructor(options: DeviceOptions, network: DeviceNetworkPlan, layout: ContainerdLayout) {
    this.#options = options;
    this.#network = network;
    this.#layout = layout;
    this.name = options.name;
    this.dir = options.dir;
    this.socket = layout.socket;
    this.namespace = network.namespace;
    this.hostAddress = network.lab.hostAddress;
    this.publicAddress = network.publicAddress;
    this.cgroupRoot = `/towline-lab-${network.lab.bridge}/${options.name}`;
    this.registryDir = layout.registryDir;
  }

  start(): Promise<void> {
    return this.#inTurn(() => this.#start());
  }

  async #start(): Promise<void> {
    const { namespace, router, uplink, podRange } = this.#network;
    await mkdir(this.dir, { recursive: true });
    await recordOwned(this.#options.labDir, {
      kind: 'device',
      namespaces: [namespace, router],
      uplink,
      cgroup: this.cgroupRoot,
    });
    await Promise.all([
      createRouter(this.#network).then(() => this.#createNamespace()),
      writeContainerdConfig(this.#layout, podRange, this.#options.systemd === true),
    ]);
    if (this.#options.systemd === true) {
      this.#systemdPid = await startSystemd((options) => this.exec(options), this.cgroupRoot);
    }
    await this.#startContainerd();
    for (const tar of this.#options.images) {
      // One by one: two imports at once fight for the lock of the same index.
      await this.importImage(tar);
    }
  }

  exec(options: Omit<ProcessOptions, 'logFile'>): Promise<BackgroundProcess> {
    const { command, args } = this.command(options.command, options.args);
    return startProcess({
      ...options,
      command,
      args,
      env: { ...this.#environment(), ...options.env },
      logFile: join(this.dir, 'log', `${options.name}.log`),
    });
  }

  run(
    command: string,
    args: readonly string[],
    options: CommandOptions = {},
  ): Promise<CommandResult> {
    const wrapped = this.command(command, args);
    return run(wrapped.command, wrapped.args, {
      ...options,
      env: { ...wrapped.env, ...options.env },
    });
  }

  command(command: string, args: readonly string[]): DeviceCommand {
    const inside = this.#systemdPid === undefined ? [] : insideOf(this.#systemdPid);
    return {
      // Not `ip netns exec`: that mounts a /sys without cgroups. nsenter replaces itself.
      command: 'nsenter',
      args: [`--net=${namespacePath(this.namespace)}`, ...inside, '--', command, ...args],
      env: withSystemPath({ ...process.env, ...this.#environment() }),
    };
  }

  ctr(...args: readonly string[]): Promise<string> {
    const wrapped = this.command('ctr', ['--address', this.socket, '-n', 'k8s.io', ...args]);
    return runChecked(wrapped.command, wrapped.args, { env: wrapped.env });
  }

  async importImage(tar: string): Promise<void> {
    await this.ctr('images', 'import', tar);
  }

  async runContainer(name: string, command: readonly string[]): Promise<void> {
    await this.ctr(
      ...['run', '--detach', '--cgroup', `${this.cgroupRoot}/${name}`],
      ...['--runc-root', this.#layout.runcRoot, '--fifo-dir', join(this.#layout.state, 'fifo')],
      ...[busyboxImage, name, ...command],
    );
  }

  async uplinkDown(): Promise<void> {
    this.#isUnplugged = true;
    await linkDown(this.#network);
  }

  async uplinkUp(): Promise<void> {
    this.#isUnplugged = false;
    await linkUp(this.#network);
  }

  blackhole(direction?: UplinkDirection): Promise<void> {
    return setBlackHole(this.#network, true, direction);
  }

  unblackhole(direction?: UplinkDirection): Promise<void> {
    return setBlackHole(this.#network, false, direction);
  }

  loseConnections(end: ConnectionEnd, port: number): Promise<void> {
    return loseConnections(this.#network, end, port);
  }

  limitUplink(kbitPerS: number | undefined): Promise<void> {
    return limitLink(this.#network, kbitPerS);
  }

  uplinkTraffic(): Promise<UplinkTraffic> {
    return readTraffic(this.#network);
  }

  restartContainerd(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#containerd?.stop();
      await this.#startContainerd();
    });
  }

  async killContainerd(): Promise<void> {
    await this.#containerd?.kill();
  }

  reboot(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#killEverything();
      await rm(this.#layout.state, { recursive: true, force: true });
      await removeDeviceNamespace(this.#network);
      await this.#createNamespace();
      await this.#startContainerd();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#last;
    await this.#killEverything();
    await removeDeviceNamespace(this.#network);
    await removeNamespace(this.#network.router);
    await run('ip', ['link', 'delete', this.#network.uplink]);
  }

  /** A stop waits for what is under way, and nothing begins after it: so nothing is made anew. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const before = this.#last;
    const turn = before.then(() => {
      if (this.#stopped) {
        throw new LabError('aborted', `the device ${this.name} was stopped`);
      }
      return work();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #createNamespace(): Promise<void> {
    await createDeviceNamespace(this.#network);
    if (!this.#isUnplugged) {
      await linkUp(this.#network);
    }
  }

  async #startContainerd(): Promise<void> {
    this.#containerd = await this.exec({
      name: 'containerd',
      command: 'containerd',
      args: ['--config', this.#layout.configFile],
    });
    const { signal } = this.#options;
    await this.#containerd.readyWhen(
      async () => (await this.run('ctr', ['--address', this.socket, 'version'])).code === 0,
      {
        what: `containerd of ${this.name} ready`,
        timeoutMs: readyTimeoutMs,
        ...(signal && { signal }),
      },
    );
  }

  async #killEverything(): Promise<void> {
    await killDevice(this.dir, {
      environment: Object.entries(this.#ownMark()).map(([name, value]) => `${name}=${value}`),
      networkNamespaces: [namespacePath(this.namespace)],
      cgroups: [this.cgroupRoot],
    });
    await removeCgroup(this.cgroupRoot);
  }

  #environment(): Record<string, string> {
    return { ...this.#options.env, ...this.#ownMark() };
  }

  #ownMark(): Record<string, string> {
    return { TOWLINE_LAB_DEVICE: this.dir };
  }
}
