import { joinSite } from '../../../src/edge-runner/join/join-site.ts';
import type { Identity } from '../../../src/edge-runner/join/identity.ts';
import { parseProviderAddresses } from '../../../src/edge-runner/join/provider-address.ts';
import { maxMessageBytes } from '../../../src/protocol/limits.ts';
import type { NodeReport } from '../../../src/protocol/report.ts';
import { desiredKinds } from '../../../src/protocol/sync.ts';
import { dialTunnel } from '../../../src/tunnel/dial.ts';
import { FrameReader, writeFrame } from '../../../src/tunnel/json-frame.ts';
import type { Session } from '../../../src/tunnel/session.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';

/** Bounds every step with the provider. */
const stepTimeoutMs = 15_000;

/** A runner without a device: it speaks the protocol, and whatever else a test has it say. */
export class HandMadeRunner {
  readonly identity: Identity;
  #session: Session | undefined;

  constructor(identity: Identity) {
    this.identity = identity;
  }

  /** @param line what `towlinectl site create` printed. @param dir for the identity. */
  static async join(line: string, dir: string): Promise<HandMadeRunner> {
    const flag = (name: string): string =>
      new RegExp(`--${name} (\\S+)`).exec(line)?.[1] ?? `no --${name}`;
    const [tenant = '', site = ''] = flag('site').split('/');
    const identity = await joinSite({
      ...{ tenant, site, token: flag('token'), caHash: flag('ca-hash'), dir },
      addresses: parseProviderAddresses(/wss:\S+/.exec(line)?.[0] ?? ''),
      force: false,
      environment: {},
      signal: AbortSignal.timeout(stepTimeoutMs),
    });
    return new HandMadeRunner(identity);
  }

  get session(): Session {
    if (this.#session === undefined) throw new TypeError('not connected');
    return this.#session;
  }

  async connect(): Promise<void> {
    const { addresses, certificate, privateKey, ca } = this.identity;
    const { session } = await dialTunnel({
      addresses: addresses.map((address) => `${address}/v1/tunnel`),
      tls: { cert: certificate, key: privateKey, ca },
      signal: AbortSignal.timeout(stepTimeoutMs),
      session: { onStream: (stream) => stream.destroy() },
    });
    this.#session = session;
  }

  /** Opens a stream and says what it is. */
  async open(head: unknown): Promise<HandMadeStream> {
    const stream = new HandMadeStream(this.session.open('control'));
    await stream.send(head);
    return stream;
  }

  /** A report stream after its beginning. */
  async openReport(): Promise<HandMadeStream> {
    const stream = await this.open({ type: 'report' });
    await stream.read();
    return stream;
  }

  /** A report stream on which the device's facts have been taken: so the site has its Node. */
  async reportNode(changes: Partial<NodeReport> = {}): Promise<HandMadeStream> {
    const report = await this.openReport();
    await report.ask({ type: 'node', node: { ...goodNode, ...changes } });
    return report;
  }

  /** The beginning of a sync stream up to the list of what the site holds. */
  async openSync(): Promise<HandMadeStream> {
    const kinds = [...desiredKinds];
    const head = { type: 'sync', protocolVersion: 1, runnerVersion: '0.1.0', kinds };
    const sync = await this.open(head);
    await sync.send({ type: 'state', digest: 'nothing' });
    await sync.read();
    return sync;
  }
}

/** One stream of a hand-made runner. */
export class HandMadeStream {
  readonly raw: TunnelStream;
  readonly #reader: FrameReader;
  #lastId = 0;

  constructor(raw: TunnelStream) {
    this.raw = raw;
    this.#reader = new FrameReader(raw, maxMessageBytes);
    raw.on('error', () => undefined);
  }

  send(message: unknown): Promise<void> {
    return writeFrame(this.raw, message);
  }

  /** The next message; `undefined` when the provider has ended or reset the stream. */
  async read(): Promise<Record<string, unknown> | undefined> {
    try {
      const signal = AbortSignal.timeout(stepTimeoutMs);
      return (await this.#reader.read(signal)) as Record<string, unknown> | undefined;
    } catch (error) {
      if (this.raw.destroyed) return undefined;
      throw error;
    }
  }

  /** Sends a report with a number of its own, and gives the answer to it. */
  async ask(message: object): Promise<Record<string, unknown> | undefined> {
    const id = ++this.#lastId;
    await this.send({ ...message, id });
    for (;;) {
      const answer = await this.read();
      if (answer === undefined || answer['id'] === id) return answer;
    }
  }
}

const resources = { cpu: '2', memory: '1Gi', pods: '110' };

/** Facts about a device as they should be. */
export const goodNode: NodeReport = {
  capacity: resources,
  allocatable: resources,
  nodeInfo: {
    machineID: 'm',
    systemUUID: 's',
    bootID: 'b',
    kernelVersion: '6.1.0',
    osImage: 'Debian',
    containerRuntimeVersion: 'containerd://1.6.20',
    operatingSystem: 'linux',
    architecture: 'amd64',
  },
  conditions: [],
  addresses: ['192.168.77.2'],
  hostname: 'device',
  runnerVersion: '0.1.0',
};
