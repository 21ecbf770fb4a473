import { mkdir, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { runChecked } from './command.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Device } from './device.ts';
import { kubectl, kubectlChecked } from './kubectl.ts';
import type { Lab } from './lab.ts';
import { LabError } from './lab-error.ts';
import type { BackgroundProcess } from './process.ts';
import { chosenRunner, type RunnerProgram } from './runner-program.ts';
import { waitFor } from './wait.ts';

const root = join(import.meta.dirname, '../..');
const manifests = join(root, 'manifests');

/** How Towline is put on a lab's cluster. */
export interface TowlineOptions {
  readonly lab: Lab;
  readonly plane: Pick<ControlPlane, 'adminKubeconfig' | 'kubeconfigForToken'>;
  /** Go duration; how long a site may be away before its node says so. */
  readonly disconnectGrace?: string;
  /** Go duration; how long the certificates of sites are valid. */
  readonly siteCertificateLifetime?: string;
  /** Address at which the cluster's API server reaches the provider's kubelet ports. */
  readonly nodeAddress?: string;
  /** The runner of its sites; what {@link chosenRunner} gives by default. */
  readonly runner?: RunnerProgram;
  /** More arguments for the provider. */
  readonly providerArgs?: readonly string[];
}

/** A provider that runs on the host with exactly the rights of `manifests/rbac.yaml`. */
export interface Towline {
  readonly kubeconfig: string;
  readonly provider: BackgroundProcess;
  /** With more arguments than those it always has. */
  startProvider(...args: readonly string[]): Promise<void>;
  stopProvider(): Promise<void>;
  /** SIGKILL. */
  killProvider(): Promise<void>;
  /** Creates the Site, joins a new device with the line that towlinectl prints, and runs it. */
  addSite(options: NewSite): Promise<LabSite>;
  towlinectl(...args: readonly string[]): Promise<string>;
}

export interface NewSite {
  readonly name: string;
  readonly tenant: string;
  /** More arguments for `towlinectl site create`. */
  readonly createArgs?: readonly string[];
  /** Whether its runner takes static pods, from `staticPodDir`. */
  readonly staticPods?: boolean;
  /** Whether its device has no CNI configuration, so that the runner writes one. */
  readonly bareNetwork?: boolean;
}

/** A site whose device is in the lab. */
export interface LabSite {
  readonly name: string;
  readonly tenant: string;
  readonly nodeName: string;
  readonly device: Device;
  /** What was run on the device to join it, as towlinectl printed it. */
  readonly joinLine: string;
  readonly runner: BackgroundProcess;
  readonly staticPodDir: string;
  /** Joins the device once more, by another line that towlinectl printed. */
  joinAgain(joinLine: string): Promise<void>;
  /** With more arguments than those it always has. */
  startRunner(...args: readonly string[]): Promise<void>;
  stopRunner(): Promise<void>;
  /** SIGKILL. */
  killRunner(): Promise<void>;
}

const providerUser = 'system:serviceaccount:towline-system:towline-provider';

/** Gives the provider the right to show static pods; resolves when the API server goes by it. @throws LabError */
export async function allowMirrorPods(adminKubeconfig: string, namespace: string): Promise<void> {
  const manifest = join(manifests, 'mirror-pods.yaml');
  await kubectlChecked(adminKubeconfig, ['apply', '-f', manifest]);
  const question = ['auth', 'can-i', 'create', 'pods', '-n', namespace, `--as=${providerUser}`];
  await waitFor(async () => (await kubectl(adminKubeconfig, question)).code === 0, {
    ...{ what: 'the provider to have the right to create pods', timeoutMs: 30_000 },
  });
}

/** The port on which the lab's provider waits for tunnels. */
export const tunnelPort = 8443;

/** Applies the manifests and starts a provider. @throws LabError */
export async function startTowline(options: TowlineOptions): Promise<Towline> {
  const { adminKubeconfig } = options.plane;
  for (const file of ['crd.yaml', 'rbac.yaml']) {
    await kubectlChecked(adminKubeconfig, ['apply', '-f', join(manifests, file)]);
  }
  await kubectlChecked(adminKubeconfig, [
    ...['wait', '--for=condition=Established', '--timeout=30s', 'crd/sites.towline.dev'],
  ]);
  const towline = new LabTowline(options, await providerKubeconfig(options));
  await towline.startProvider();
  return towline;
}

/** A kubeconfig of the provider's own service account. */
async function providerKubeconfig({ plane }: TowlineOptions): Promise<string> {
  const path = '/api/v1/namespaces/towline-system/serviceaccounts/towline-provider/token';
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 86_400 },
  };
  const answer = await kubectlChecked(plane.adminKubeconfig, ['create', '--raw', path, '-f', '-'], {
    input: JSON.stringify(request),
  });
  const { status } = JSON.parse(answer) as { status: { token: string } };
  return plane.kubeconfigForToken('towline-provider', status.token);
}

class LabTowline implements Towline {
  readonly kubeconfig: string;
  readonly #options: TowlineOptions;
  readonly #providerKubeconfig: string;
  #provider: BackgroundProcess | undefined;

  constructor(options: TowlineOptions, providerConfig: string) {
    this.#options = options;
    this.kubeconfig = options.plane.adminKubeconfig;
    this.#providerKubeconfig = providerConfig;
  }

  get provider(): BackgroundProcess {
    if (this.#provider === undefined)
      throw new LabError('not-ready', 'the provider was not started');
    return this.#provider;
  }

  async startProvider(...args: readonly string[]): Promise<void> {
    const { lab, nodeAddress = lab.hostAddress, disconnectGrace = '40s' } = this.#options;
    const { siteCertificateLifetime = '720h' } = this.#options;
    const provider = await lab.startProcess({
      name: 'provider',
      command: process.execPath,
      args: [
        // As in manifests/provider.yaml.
        '--max-semi-space-size=8',
        ...[join(root, 'src/provider/main.ts'), '--kubeconfig', this.#providerKubeconfig],
        ...['--listen', `${lab.hostAddress}:${tunnelPort}`],
        ...['--public-address', `wss://${lab.hostAddress}:${tunnelPort}`],
        ...['--node-address', nodeAddress, '--kubelet-listen', nodeAddress],
        ...['--kubelet-ports', '0', '--disconnect-grace', disconnectGrace],
        ...['--site-certificate-lifetime', siteCertificateLifetime],
        ...[...(this.#options.providerArgs ?? []), ...args],
      ],
    });
    this.#provider = provider;
    await provider.readyWhen(() => this.#answers(), {
      what: 'the provider to be ready',
      timeoutMs: 30_000,
    });
  }

  async stopProvider(): Promise<void> {
    await this.provider.stop();
  }

  async killProvider(): Promise<void> {
    await this.provider.kill();
  }

  async towlinectl(...args: readonly string[]): Promise<string> {
    return runChecked(process.execPath, [join(root, 'src/cli/main.ts'), ...args], {
      env: { ...process.env, KUBECONFIG: this.kubeconfig },
      timeoutMs: 60_000,
    });
  }

  async addSite(options: NewSite): Promise<LabSite> {
    const { name, tenant, createArgs = [], staticPods = false, bareNetwork = false } = options;
    await ensureNamespace(this.kubeconfig, tenant);
    const joinLine = await this.towlinectl('site', 'create', name, '-n', tenant, ...createArgs);
    const device = await this.#options.lab.startDevice({ name: `${name}-${tenant}`.slice(0, 30) });
    if (bareNetwork) await rm(join(device.dir, 'cni', '10-lab.conflist'));
    const site = new DeviceSite({
      ...{ name, tenant, device, staticPods, joinLine: joinLine.trim() },
      program: this.#options.runner ?? chosenRunner(),
    });
    await site.join();
    await site.startRunner();
    await waitFor(() => this.#isReady(site.nodeName), {
      what: `node ${site.nodeName} to be Ready`,
      timeoutMs: 30_000,
    });
    return site;
  }

  #answers(): Promise<boolean> {
    const { hostAddress: host } = this.#options.lab;
    return new Promise((resolve) => {
      // Whose certificate it is doesn't matter to readiness; devices check it when they join.
      const options = { host, port: tunnelPort, path: '/readyz', rejectUnauthorized: false };
      const asked = request(options, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      asked.once('error', () => {
        resolve(false);
      });
      asked.end();
    });
  }

  async #isReady(nodeName: string): Promise<boolean> {
    const path = '-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}';
    const { stdout } = await kubectl(this.kubeconfig, ['get', 'node', nodeName, path]);
    return stdout === 'True';
  }
}

/** Makes a namespace and waits for its default service account, without which no pod is admitted. */
export async function ensureNamespace(kubeconfig: string, name: string): Promise<void> {
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  await kubectlChecked(kubeconfig, ['apply', '-f', '-'], { input: JSON.stringify(object) });
  await waitFor(
    async () => (await kubectl(kubeconfig, ['get', 'sa', 'default', '-n', name])).code === 0,
    { what: `the service account of namespace ${name}`, timeoutMs: 20_000 },
  );
}

class DeviceSite implements LabSite {
  readonly name: string;
  readonly tenant: string;
  readonly nodeName: string;
  readonly device: Device;
  readonly joinLine: string;
  readonly #program: RunnerProgram;
  readonly #staticPods: boolean;
  #runner: BackgroundProcess | undefined;

  constructor(
    site: Pick<LabSite, 'name' | 'tenant' | 'device' | 'joinLine'> & {
      program: RunnerProgram;
      staticPods: boolean;
    },
  ) {
    this.name = site.name;
    this.tenant = site.tenant;
    this.nodeName = `${site.name}.${site.tenant}`;
    this.device = site.device;
    this.joinLine = site.joinLine;
    this.#program = site.program;
    this.#staticPods = site.staticPods;
  }

  get runner(): BackgroundProcess {
    if (this.#runner === undefined) throw new LabError('not-ready', 'the runner was not started');
    return this.#runner;
  }

  get staticPodDir(): string {
    return join(this.device.dir, 'static-pods');
  }

  get #stateDir(): string {
    return join(this.device.dir, 'towline');
  }

  join(): Promise<void> {
    return this.#join(this.joinLine);
  }

  joinAgain(joinLine: string): Promise<void> {
    return this.#join(joinLine.trim(), '--force');
  }

  async #join(joinLine: string, ...flags: readonly string[]): Promise<void> {
    const [, ...args] = joinLine.replace(/^sudo /, '').split(/\s+/);
    const words = [...this.#program.args, ...args, '--state-dir', this.#stateDir, ...flags];
    const result = await this.device.run(this.#program.command, words, { timeoutMs: 30_000 });
    if (result.code !== 0) {
      throw new LabError('command-failed', `joining ${this.nodeName} failed: ${result.stderr}`);
    }
  }

  async startRunner(...args: readonly string[]): Promise<void> {
    const dir = this.device.dir;
    if (this.#staticPods) await mkdir(this.staticPodDir, { recursive: true });
    this.#runner = await this.device.exec({
      name: 'runner',
      command: this.#program.command,
      args: [
        ...[...this.#program.args, 'run', '--state-dir', this.#stateDir],
        ...['--memory-dir', join(dir, 'memory'), '--containerd', this.device.socket],
        ...['--log-dir', join(dir, 'pod-logs'), '--cgroup-root', this.device.cgroupRoot],
        // How full the machine is must decide nothing.
        ...['--eviction-hard', '', '--image-gc-high-threshold', '100'],
        ...(this.#staticPods ? ['--static-pod-dir', this.staticPodDir] : []),
        ...args,
      ],
    });
  }

  async stopRunner(): Promise<void> {
    await this.runner.stop();
  }

  async killRunner(): Promise<void> {
    await this.runner.kill();
  }
}
