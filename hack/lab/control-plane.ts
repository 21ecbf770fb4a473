import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyAndCertificate } from './certificates.ts';
import { run } from './command.ts';
import {
  apiserverFlags,
  controllerManagerFlags,
  etcdFlags,
  etcdMember,
  schedulerFlags,
  type ControlPlaneLayout,
} from './control-plane-flags.ts';
import { writePki, type ControlPlanePki } from './control-plane-pki.ts';
import type { ControlPlaneBinaries } from './control-planes.ts';
import { restoreSnapshot, saveSnapshot } from './etcd-snapshot.ts';
import { findFreePorts } from './free-ports.ts';
import { httpsStatus } from './https-status.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { startProcess, type BackgroundProcess } from './process.ts';
import { waitFor } from './wait.ts';

/** The processes of a control plane, in the order of their start. */
export const controlPlaneComponents = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
] as const;

/** One process of a control plane. */
export type ControlPlaneComponent = (typeof controlPlaneComponents)[number];

/** How a control plane is started; everything it writes is in `dir`, logs in `dir`/log. */
export interface ControlPlaneOptions {
  readonly binaries: ControlPlaneBinaries;
  readonly dir: string;
  /** The address that everything listens on: 127.0.0.1. */
  readonly host?: string;
  /** A CA file that the apiserver checks virtual nodes' serving certificates by; without, it accepts any. */
  readonly kubeletCertificateAuthority?: string;
  /** Flags added to a component's own, for instance `--node-monitor-grace-period=5s`. */
  readonly extraFlags?: Partial<Record<ControlPlaneComponent, readonly string[]>>;
  /** Added to the environment of every process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A running control plane. All files are readable by root alone. */
export interface ControlPlane {
  readonly name: string;
  readonly version: string;
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  readonly dir: string;
  /** The kubeconfig of a user in `system:masters`. */
  readonly adminKubeconfig: string;
  /** The CA of the apiserver's serving certificate. */
  readonly servingCaFile: string;
  /** The CA of client certificates; the apiserver's own, which it shows to kubelets, is of it too. */
  readonly clientCaFile: string;
  /** Makes a client certificate for a user and gives the path of a kubeconfig with it. */
  kubeconfigFor(user: string, groups?: readonly string[]): Promise<string>;
  /** Gives the path of a kubeconfig with a bearer token, say a service account's. */
  kubeconfigForToken(name: string, token: string): Promise<string>;
  /** Stops a component and starts it again at the same port, and waits until it is ready. */
  restart(component: ControlPlaneComponent): Promise<void>;
  /** SIGKILL, and nothing starts it again but {@link restart}. */
  kill(component: ControlPlaneComponent): Promise<void>;
  /** Saves a snapshot of etcd, and gives its path. */
  backUp(): Promise<string>;
  /**
   * Stops everything, puts etcd back to what a snapshot holds, and starts everything again, as
   * Kubernetes' documentation says. Resource versions go on from where they were then.
   */
  restore(snapshot: string): Promise<void>;
  /** The process of a component that was started last. */
  process(component: ControlPlaneComponent): BackgroundProcess;
  /** Stops everything, what started last first. May be called again. */
  stop(): Promise<void>;
}

const readyTimeoutMs = 60_000;
/** The apiserver would go on serving its watches for a minute. */
const restartGraceMs = 500;

/**
 * Starts etcd, kube-apiserver, kube-controller-manager and kube-scheduler, with certificates and keys
 * of their own and RBAC, and waits until the apiserver, the controllers and the scheduler are ready
 * and the default service account is there.
 *
 * @throws LabError `command-failed` with the end of the log when a component ends, `not-ready` when
 *   one isn't ready in a minute, `aborted`. What was started by then is stopped.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const host = options.host ?? '127.0.0.1';
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const [etcd = 0, etcdPeer = 0, apiserver = 0, controllerManager = 0, scheduler = 0] =
    await findFreePorts(5, host);
  const layout: ControlPlaneLayout = {
    dir: options.dir,
    host,
    ports: { etcd, etcdPeer, apiserver, controllerManager, scheduler },
    minor: Number(options.binaries.version.split('.')[1]),
    ...(options.kubeletCertificateAuthority !== undefined && {
      kubeletCertificateAuthority: options.kubeletCertificateAuthority,
    }),
  };
  const plane = new RunningControlPlane(options, layout, await writePki(layout.dir, layout.host));
  try {
    await plane.start();
  } catch (error) {
    await plane.stop();
    throw error;
  }
  return plane;
}

class RunningControlPlane implements ControlPlane {
  readonly name: string;
  readonly version: string;
  readonly server: string;
  readonly dir: string;
  readonly adminKubeconfig: string;
  readonly servingCaFile: string;
  readonly clientCaFile: string;
  readonly #options: ControlPlaneOptions;
  readonly #layout: ControlPlaneLayout;
  readonly #pki: ControlPlanePki;
  readonly #processes = new Map<ControlPlaneComponent, BackgroundProcess>();
  #backups = 0;

  constructor(options: ControlPlaneOptions, layout: ControlPlaneLayout, pki: ControlPlanePki) {
    this.#options = options;
    this.#layout = layout;
    this.#pki = pki;
    this.name = options.binaries.name;
    this.version = options.binaries.version;
    this.server = `https://${layout.host}:${layout.ports.apiserver}`;
    this.dir = options.dir;
    this.adminKubeconfig = join(options.dir, 'admin.kubeconfig');
    this.servingCaFile = pki.serving.certificateFile;
    this.clientCaFile = pki.clients.certificateFile;
  }

  async start(): Promise<void> {
    await this.#writeKubeconfig(this.adminKubeconfig, 'admin', this.#pki.admin);
    await this.kubeconfigFor('system:kube-controller-manager');
    await this.kubeconfigFor('system:kube-scheduler');
    await this.#runAll();
    await waitFor(
      async () => (await this.#ask('/api/v1/namespaces/default/serviceaccounts/default')) === 200,
      {
        what: 'the default service account',
        timeoutMs: readyTimeoutMs,
        ...this.#signal(),
      },
    );
  }

  async kubeconfigFor(user: string, groups: readonly string[] = []): Promise<string> {
    const pair = await this.#pki.clients.issue({
      commonName: user,
      organizations: groups,
      usage: 'client',
    });
    return this.#writeKubeconfig(this.#kubeconfigPath(user), user, pair);
  }

  async kubeconfigForToken(name: string, token: string): Promise<string> {
    return this.#writeKubeconfig(this.#kubeconfigPath(name), name, { token });
  }

  async restart(component: ControlPlaneComponent): Promise<void> {
    await this.#processes.get(component)?.stop(restartGraceMs);
    await this.#run(component);
  }

  async kill(component: ControlPlaneComponent): Promise<void> {
    await this.process(component).kill();
  }

  async backUp(): Promise<string> {
    this.#backups += 1;
    const file = join(this.dir, `etcd-${this.#backups}.snapshot`);
    await saveSnapshot(etcdMember(this.#layout), file);
    return file;
  }

  async restore(snapshot: string): Promise<void> {
    await this.stop();
    await restoreSnapshot(etcdMember(this.#layout), snapshot);
    await this.#runAll();
  }

  process(component: ControlPlaneComponent): BackgroundProcess {
    const found = this.#processes.get(component);
    if (found === undefined) {
      throw new TypeError(`${component} was never started`);
    }
    return found;
  }

  async stop(): Promise<void> {
    // Clients first, and the apiserver before its store: nobody logs that another one is gone.
    const order = controlPlaneComponents.toReversed();
    const [scheduler, controllers, ...rest] = order.map((name) => this.#processes.get(name));
    await Promise.all([scheduler?.stop(1_000), controllers?.stop(1_000)]);
    for (const process of rest) {
      // The apiserver drains its watches for a minute when it is asked politely.
      await process?.stop(process.name === 'etcd' ? 2_000 : 0);
    }
  }

  async #runAll(): Promise<void> {
    await this.#run('etcd');
    await this.#run('kube-apiserver');
    await Promise.all([this.#run('kube-controller-manager'), this.#run('kube-scheduler')]);
  }

  async #run(component: ControlPlaneComponent): Promise<void> {
    const process = await startProcess({
      name: component,
      command: this.#command(component),
      args: [...(await this.#flags(component)), ...(this.#options.extraFlags?.[component] ?? [])],
      logFile: join(this.dir, 'log', `${component}.log`),
      env: {
        ...this.#options.env,
        // etcd 3.4 starts on ARM only when told that this is meant.
        ...(component === 'etcd' && globalThis.process.arch !== 'x64'
          ? { ETCD_UNSUPPORTED_ARCH: globalThis.process.arch }
          : {}),
      },
      cwd: this.dir,
    });
    this.#processes.set(component, process);
    await process.readyWhen(() => this.#isReady(component), {
      what: `${component} ready`,
      timeoutMs: readyTimeoutMs,
      ...this.#signal(),
    });
  }

  #command(component: ControlPlaneComponent): string {
    return component === 'etcd'
      ? this.#options.binaries.etcd
      : join(this.#options.binaries.dir, component);
  }

  async #flags(component: ControlPlaneComponent): Promise<string[]> {
    switch (component) {
      case 'etcd':
        return etcdFlags(this.#layout, await canSkipFsync(this.#options.binaries.etcd));
      case 'kube-apiserver':
        return apiserverFlags(this.#layout);
      case 'kube-controller-manager':
        return controllerManagerFlags(
          this.#layout,
          this.#kubeconfigPath('system:kube-controller-manager'),
        );
      case 'kube-scheduler':
        return schedulerFlags(this.#layout, this.#kubeconfigPath('system:kube-scheduler'));
    }
  }

  async #isReady(component: ControlPlaneComponent): Promise<boolean> {
    const { host, ports } = this.#layout;
    switch (component) {
      case 'etcd': {
        const answer = await fetch(`http://${host}:${ports.etcd}/health`, {
          signal: AbortSignal.timeout(1_000),
        });
        return answer.ok && (await answer.text()).includes('"true"');
      }
      case 'kube-apiserver':
        return (await this.#ask('/readyz')) === 200;
      case 'kube-controller-manager':
        return (await this.#ask('/healthz', ports.controllerManager)) === 200;
      case 'kube-scheduler':
        return (await this.#ask('/healthz', ports.scheduler)) === 200;
    }
  }

  #ask(path: string, port: number = this.#layout.ports.apiserver): Promise<number | undefined> {
    return httpsStatus(`https://${this.#layout.host}:${port}${path}`, {
      authorityPem: this.#pki.serving.certificatePem,
      user: this.#pki.admin,
    });
  }

  #kubeconfigPath(user: string): string {
    return join(this.dir, `${user.replaceAll(/[^\w.-]/g, '_')}.kubeconfig`);
  }

  #writeKubeconfig(
    path: string,
    userName: string,
    user: KeyAndCertificate | { readonly token: string },
  ): Promise<string> {
    const authorityPem = this.#pki.serving.certificatePem;
    return writeKubeconfig(path, { server: this.server, authorityPem, userName, user });
  }

  #signal(): { signal?: AbortSignal } {
    return this.#options.signal === undefined ? {} : { signal: this.#options.signal };
  }
}

async function canSkipFsync(etcd: string): Promise<boolean> {
  const help = await run(etcd, ['--help']);
  return `${help.stdout}${help.stderr}`.includes('--unsafe-no-fsync');
}
