import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import type { CommandOptions, CommandResult } from '../../../hack/lab/command.ts';
import type { Device } from '../../../hack/lab/device.ts';
import type { BackgroundProcess } from '../../../hack/lab/process.ts';
import { chosenRunner } from '../../../hack/lab/runner-program.ts';
import { ControlClient, controlSocket } from '../../../src/edge-runner/control/control-client.ts';
import { LabError } from '../../../hack/lab/lab-error.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Identity } from '../../../src/edge-runner/join/identity.ts';
import { IdentityDraft } from '../../../src/edge-runner/join/identity-dir.ts';
import { tokenKey } from '../../../src/edge-runner/pod/service-account-tokens.ts';
import { openStore } from '../../../src/edge-runner/store/open-store.ts';
import { AesSealer } from '../../../src/edge-runner/store/sealer.ts';
import type { SqliteStore } from '../../../src/edge-runner/store/sqlite-store.ts';
import { DeviceKeySource, storePurpose } from '../../../src/edge-runner/store/store-key.ts';
import type { Pod, ServiceAccountTokenProjection } from '../../../src/kube/api.ts';
import type { DesiredObject } from '../../../src/protocol/sync.ts';
import { CertificateAuthority, createCa } from '../../../src/provider/pki/authority.ts';

/** A device that has joined a site whose cloud nobody can reach: the runner as it is shipped, and a store. */
export class CutOffSite {
  readonly device: Device;
  readonly #name: string;
  #privateKey: string;
  #runner: BackgroundProcess | undefined;

  private constructor(device: Device, name: string, privateKey = '') {
    this.device = device;
    this.#name = name;
    this.#privateKey = privateKey;
  }

  /** `join` makes the identity in a state directory; else it is one that no provider knows. */
  static async create(
    device: Device,
    name = 'berlin',
    join?: (stateDir: string) => Promise<Identity>,
  ): Promise<CutOffSite> {
    const site = new CutOffSite(device, name);
    await mkdir(site.stateDir, { recursive: true });
    if (join === undefined) await site.join('acme');
    else site.#privateKey = (await join(site.stateDir)).privateKey;
    return site;
  }

  /** Gives the device an identity, as joining does; also a new one with a new tenant. */
  async join(tenant: string): Promise<void> {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#privateKey = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const trustDomain = 'test.example';
    const keyPair = createCa({ trustDomain, nowMs: Date.now() });
    const authority = new CertificateAuthority({ keyPair, trustDomain });
    const draft = await IdentityDraft.begin(this.stateDir, { replace: true });
    await draft.commit({
      ...{ tenant, site: this.#name, addresses: [`wss://${this.device.hostAddress}:1`] },
      certificate: authority.issueSite({ name: this.#name, tenant }, keys.publicKey),
      privateKey: this.#privateKey,
      ca: authority.certificatePem,
    });
  }

  /** The site that is on a device already, of this version or another. */
  static async open(device: Device, name = 'berlin'): Promise<CutOffSite> {
    const key = join(device.dir, name, 'identity', 'key.pem');
    return new CutOffSite(device, name, await readFile(key, 'utf8'));
  }

  get stateDir(): string {
    return join(this.device.dir, this.#name);
  }

  get memoryDir(): string {
    return join(this.device.dir, `${this.#name}-memory`);
  }

  get runner(): BackgroundProcess {
    if (this.#runner === undefined) throw new TypeError('the runner was not started');
    return this.#runner;
  }

  /** Writes what the cloud once sent; the runner must not run. */
  seed(...objects: DesiredObject[]): void {
    const store = this.#openStore();
    store.applyDelta(objects, [], true);
    store.close();
  }

  /** Takes a pod back; the runner must not run. */
  unseed({ metadata: { namespace = '', name } }: Pod): void {
    const store = this.#openStore();
    store.applyDelta([], [{ kind: 'Pod', namespace, name }], true);
    store.close();
  }

  /** A token that the cloud once gave and that has expired since. */
  seedToken(pod: Pod, projection: ServiceAccountTokenProjection, token: string): void {
    const store = this.#openStore();
    store.writeToken(pod.metadata.uid ?? '', tokenKey(projection), {
      ...{ token, issuedAtMs: 0, expiresAtMs: 1 },
    });
    store.close();
  }

  async start(...flags: readonly string[]): Promise<void> {
    await this.startBy([], flags);
  }

  /** Starts the runner by another program, `faketime` for example. */
  async startBy(by: readonly string[], flags: readonly string[] = []): Promise<void> {
    const program = chosenRunner();
    const [command, ...before] = [...by, program.command];
    this.#runner = await this.device.exec({
      name: this.#name,
      command,
      args: [
        ...[...before, ...program.args, 'run', '--state-dir', this.stateDir],
        ...['--memory-dir', this.memoryDir, '--containerd', this.device.socket],
        ...['--log-dir', join(this.device.dir, 'pod-logs')],
        ...['--cgroup-root', this.device.cgroupRoot, ...flags],
      ],
    });
  }

  /** `towline-runner …` on the device. */
  cli(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const [command = '', ...rest] = args;
    const program = chosenRunner();
    const words = [...program.args, command, '--memory-dir', this.memoryDir, ...rest];
    return this.device.run(program.command, words, { timeoutMs: 30_000, ...options });
  }

  /** What `towline-runner pods -o json` shows. */
  async pods(): Promise<Pod[]> {
    const client = new ControlClient(controlSocket(this.memoryDir), AbortSignal.timeout(10_000));
    return (await client.get<{ items: Pod[] }>('/pods')).items;
  }

  async until(
    what: string,
    condition: (pods: Pod[]) => boolean,
    timeoutMs = 30_000,
  ): Promise<Pod[]> {
    let last: Pod[] = [];
    const { runner } = this;
    return waitFor(
      async () => {
        if (!runner.isRunning()) throw new LabError('command-failed', runner.logTail());
        last = await this.pods();
        return condition(last) && last;
      },
      {
        ...{ what, timeoutMs },
        explain: () =>
          last
            .map(({ metadata, status }) => `${metadata.name}: ${JSON.stringify(status)}\n`)
            .join('') + runner.logTail(),
      },
    );
  }

  #openStore(): SqliteStore {
    const key = new DeviceKeySource(this.#privateKey).derive(storePurpose);
    return openStore(join(this.stateDir, 'store.db'), {
      log: pino({ level: 'silent' }),
      sealer: new AesSealer(key),
    });
  }

  /** SIGTERM, and the runner's end. */
  async stop(limitMs = 60_000): Promise<void> {
    if (this.#runner?.isRunning() === true) await this.#runner.stop(limitMs);
  }

  /** Removes every pod that is left on the device, as a test's end. */
  async clear(): Promise<void> {
    await this.stop();
    const store = this.#openStore();
    const all = store.objects().map(({ kind, namespace, name }) => ({ kind, namespace, name }));
    store.applyDelta([], all, true);
    store.close();
    await this.start();
    await this.until('no pod to be left', (pods) => pods.length === 0, 60_000);
    await this.stop();
  }
}

export function isReady({ status }: Pod): boolean {
  return (
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
  );
}
