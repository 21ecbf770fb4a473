import { isDeepStrictEqual } from 'node:util';
import type { NodeReport } from '../../protocol/report.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { CriError } from '../cri/cri-error.ts';
import type { HostFacts } from '../host/host-facts.ts';
import { nodeCapacity } from '../host/node-capacity.ts';
import { readFilesystemUsage } from '../host/pressure.ts';
import { allocatableOf, type Reservation } from './allocatable.ts';

interface NodeReporterOptions {
  cri: CriClient;
  facts: HostFacts;
  /** Folder on the file system whose size is the node's ephemeral storage. */
  stateDir: string;
  runnerVersion: string;
  reservation: Reservation;
  onChange: () => void;
}

/** A runtime that takes longer to say how it is isn't well. */
const statusTimeoutMs = 10_000;

/** Keeps the facts about the device that its Node object shows. */
export class NodeReporter {
  readonly #options: NodeReporterOptions;
  #pressure: NodeReport['conditions'] = [];
  #report: NodeReport;
  #runtime: NodeReport['conditions'];
  #isShuttingDown = false;

  private constructor(options: NodeReporterOptions, report: NodeReport) {
    this.#options = options;
    this.#report = report;
    this.#runtime = report.conditions;
  }

  /** @throws CriError when the runtime can't be asked for its version. */
  static async create(options: NodeReporterOptions): Promise<NodeReporter> {
    const { facts, cri } = options;
    const version = await cri.version({});
    const disk = await readFilesystemUsage(options.stateDir);
    const capacity = nodeCapacity(facts, disk);
    const allocatable = allocatableOf(capacity, options.reservation);
    return new NodeReporter(options, {
      ...{ capacity, allocatable },
      nodeInfo: {
        machineID: facts.machineId,
        systemUUID: facts.systemUuid,
        bootID: facts.bootId,
        kernelVersion: facts.kernelVersion,
        osImage: facts.osImage,
        containerRuntimeVersion: `${version.runtimeName}://${version.runtimeVersion}`,
        operatingSystem: facts.operatingSystem,
        architecture: facts.architecture,
      },
      conditions: await runtimeConditions(cri),
      addresses: facts.addresses.map(({ address }) => address),
      hostname: facts.hostname,
      runnerVersion: options.runnerVersion,
    });
  }

  get report(): NodeReport {
    return this.#report;
  }

  /** The device goes down: it takes no more pods. */
  shutDown(): void {
    this.#isShuttingDown = true;
    this.#update();
  }

  /** Looks at the runtime again and tells when something is different. */
  async refresh(): Promise<void> {
    this.#runtime = await runtimeConditions(this.#options.cri);
    this.#update();
  }

  /** Takes the conditions that say what the device runs out of. */
  setPressure(conditions: NodeReport['conditions']): void {
    this.#pressure = conditions;
    this.#update();
  }

  #update(): void {
    const seen = [...this.#pressure, ...this.#runtime];
    const conditions = this.#isShuttingDown ? seen.map(asShuttingDown) : seen;
    if (isDeepStrictEqual(conditions, this.#report.conditions)) return;
    this.#report = { ...this.#report, conditions };
    this.#options.onChange();
  }
}

/** In a kubelet's words. */
function asShuttingDown(condition: NodeReport['conditions'][number]): typeof condition {
  if (condition.type !== 'Ready') return condition;
  const message = 'node is shutting down';
  return { ...condition, status: 'False', reason: 'KubeletNotReady', message };
}

/** Kubelet: the node is ready when its runtime and the runtime's network are. */
async function runtimeConditions(cri: CriClient): Promise<NodeReport['conditions']> {
  const type = 'Ready';
  try {
    const { status } = await cri.status({}, { timeoutMs: statusTimeoutMs });
    const failed = (status?.conditions ?? []).filter(
      (condition) => required.includes(condition.type) && !condition.status,
    );
    if (failed.length === 0) {
      const message = 'kubelet is posting ready status';
      return [{ type, status: 'True', reason: 'KubeletReady', message }];
    }
    const message = failed
      .map((condition) => `${condition.type}: ${condition.reason}: ${condition.message}`)
      .join(', ');
    return [{ type, status: 'False', reason: 'KubeletNotReady', message }];
  } catch (error) {
    if (!(error instanceof CriError)) throw error;
    const message = `container runtime is down: ${error.detail}`;
    return [{ type, status: 'False', reason: 'KubeletNotReady', message }];
  }
}

const required: readonly string[] = ['RuntimeReady', 'NetworkReady'];
