import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { declaredFeatures } from '../../kube/declared-features.ts';
import type { NodeReport } from '../../protocol/report.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { diskFault } from '../host/disk-fault.ts';
import type { HostFacts } from '../host/host-facts.ts';
import { nodeCapacity } from '../host/node-capacity.ts';
import { readFilesystemUsage } from '../host/pressure.ts';
import { allocatableOf, type Reservation } from './allocatable.ts';
import type { RuntimeAbilities, RuntimeHealth } from './runtime-health.ts';

interface NodeReporterOptions {
  cri: Pick<CriClient, 'version'>;
  health: Pick<RuntimeHealth, 'look' | 'networkProblem' | 'abilities'>;
  facts: HostFacts;
  /**
   * Folder on the file system whose size is the node's ephemeral storage. While that is read-only the
   * node is not ready: it can neither keep what is desired nor make a pod's volumes.
   */
  stateDir: string;
  runnerVersion: string;
  reservation: Reservation;
  onChange: () => void;
  log: Pick<Logger, 'error' | 'info'>;
}

type Condition = NodeReport['conditions'][number];

/** Keeps the facts about the device that its Node object shows. */
export class NodeReporter {
  readonly #options: NodeReporterOptions;
  #pressure: NodeReport['conditions'] = [];
  #report: NodeReport;
  #runtime: NodeReport['conditions'];
  #diskProblem: string | undefined;
  #isShuttingDown = false;

  private constructor(options: NodeReporterOptions, report: NodeReport) {
    this.#options = options;
    this.#report = report;
    this.#runtime = report.conditions;
  }

  /** @throws CriError when the runtime can't be asked for its version, and what it can do. */
  static async create(options: NodeReporterOptions): Promise<NodeReporter> {
    const { facts, cri, health } = options;
    const version = await cri.version({});
    const disk = await readFilesystemUsage(options.stateDir);
    const capacity = nodeCapacity(facts, disk);
    const allocatable = allocatableOf(capacity, options.reservation);
    const conditions = await health.look({ mustAnswer: true });
    const reporter = new NodeReporter(options, {
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
      conditions,
      addresses: facts.addresses.map(({ address }) => address),
      hostname: facts.hostname,
      runnerVersion: options.runnerVersion,
      features: [...declaredFeatures],
      ...told(health.abilities),
    });
    reporter.#lookAtDisk();
    reporter.#report = { ...reporter.#report, conditions: reporter.#conditions };
    return reporter;
  }

  get report(): NodeReport {
    return this.#report;
  }

  /** The device goes down: it takes no more pods. */
  shutDown(): void {
    this.#isShuttingDown = true;
    this.#update();
  }

  /** Looks at the runtime and the disk again and tells when something is different. */
  async refresh(): Promise<void> {
    this.#runtime = await this.#options.health.look();
    this.#lookAtDisk();
    this.#update();
  }

  /**
   * Why pods can have no address now; undefined when they can. The runtime is asked only where its last
   * word was no, or is in doubt.
   */
  async networkProblem(isInDoubt: boolean): Promise<string | undefined> {
    const { health } = this.#options;
    if (isInDoubt || health.networkProblem !== undefined) await this.refresh();
    return health.networkProblem;
  }

  /** Takes the conditions that say what the device runs out of. */
  setPressure(conditions: NodeReport['conditions']): void {
    this.#pressure = conditions;
    this.#update();
  }

  #lookAtDisk(): void {
    const { stateDir, log } = this.#options;
    const fault = diskFault(stateDir);
    const problem = fault && `${stateDir} ${fault}`;
    if (fault !== undefined && this.#diskProblem === undefined) {
      log.error({ stateDir }, `the state directory ${fault}: pods run on, none is taken`);
    } else if (fault === undefined && this.#diskProblem !== undefined) {
      log.info({ stateDir }, 'the state directory can be written again');
    }
    this.#diskProblem = problem;
  }

  /** A kubelet joins its reasons with commas too. */
  #judged(condition: Condition): Condition {
    if (condition.type !== 'Ready' || this.#diskProblem === undefined) return condition;
    const others = condition.status === 'True' ? [] : [condition.message];
    const message = [...others, this.#diskProblem].join(', ');
    return { ...condition, status: 'False', reason: 'KubeletNotReady', message };
  }

  #update(): void {
    const conditions = this.#conditions;
    const abilities = told(this.#options.health.abilities);
    const report = { ...this.#report, conditions, ...abilities };
    if (abilities.runtimeFeatures === undefined) delete report.runtimeFeatures;
    if (isDeepStrictEqual(report, this.#report)) return;
    this.#report = report;
    this.#options.onChange();
  }

  get #conditions(): Condition[] {
    const seen = [...this.#pressure, ...this.#runtime].map((condition) => this.#judged(condition));
    return this.#isShuttingDown ? seen.map(asShuttingDown) : seen;
  }
}

/** As a kubelet does, what isn't said of a handler it can't do. */
function told({
  handlers,
  features,
}: RuntimeAbilities): Pick<NodeReport, 'runtimeHandlers' | 'runtimeFeatures'> {
  const runtimeHandlers = handlers.map(({ name, features: can }) => ({
    name,
    recursiveReadOnlyMounts: can?.recursiveReadOnlyMounts === true,
    userNamespaces: can?.userNamespaces === true,
  }));
  if (features === undefined) return { runtimeHandlers };
  const { supplementalGroupsPolicy } = features;
  return { runtimeHandlers, runtimeFeatures: { supplementalGroupsPolicy } };
}

/** In a kubelet's words. */
function asShuttingDown(condition: Condition): Condition {
  if (condition.type !== 'Ready') return condition;
  const message = 'node is shutting down';
  return { ...condition, status: 'False', reason: 'KubeletNotReady', message };
}
