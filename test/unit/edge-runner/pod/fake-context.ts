import type { Clock } from '../../../../src/edge-runner/pod/clock.ts';
import { CriObserver } from '../../../../src/edge-runner/pod/cri-observer.ts';
import { EventRecorder } from '../../../../src/edge-runner/pod/event-recorder.ts';
import { ImagePuller } from '../../../../src/edge-runner/pod/image-puller.ts';
import { PulledImages } from '../../../../src/edge-runner/pod/pulled-images.ts';
import { StartTurns } from '../../../../src/edge-runner/pod/start-turns.ts';
import { PlacedPods } from '../../../../src/edge-runner/pod/placed-pods.ts';
import type { PodContext } from '../../../../src/edge-runner/pod/pod-context.ts';
import { TerminationCounts } from '../../../../src/edge-runner/pod/termination-counts.ts';
import type { RuntimeHandler } from '../../../../src/edge-runner/cri/runtime-messages.ts';
import { UserNamespaces } from '../../../../src/edge-runner/pod/user-namespaces.ts';
import type { IdRangeFiles } from '../../../../src/edge-runner/volumes/id-range-files.ts';
import type { Urgency } from '../../../../src/edge-runner/report/outbox.ts';
import type { EventReport, PodReport } from '../../../../src/protocol/report.ts';
import { FakeStore } from '../report/fake-store.ts';
import { FakeRuntime } from './fake-runtime.ts';

/** A clock that goes with the machine's, and whose wall time a test may move. */
export class JumpingClock implements Clock {
  wallOffsetMs = 0;
  monotonicOffsetMs = 0;

  wallMs(): number {
    return Date.now() + this.wallOffsetMs;
  }

  monotonicMs(): number {
    return performance.now() + this.monotonicOffsetMs;
  }
}

/** The ids of pods, in memory. */
export class FakeIdRanges implements Pick<IdRangeFiles, 'firstIdOf' | 'all' | 'write'> {
  readonly given = new Map<string, number>();

  firstIdOf(podUid: string): Promise<number | undefined> {
    return Promise.resolve(this.given.get(podUid));
  }

  all(): Promise<Set<number>> {
    return Promise.resolve(new Set(this.given.values()));
  }

  write(podUid: string, firstId: number): Promise<void> {
    this.given.set(podUid, firstId);
    return Promise.resolve();
  }
}

/** A pod context over a runtime in memory, and what the pods told. */
export class FakeContext {
  readonly runtime: FakeRuntime;
  readonly clock = new JumpingClock();
  readonly reports: PodReport[] = [];
  /** Of each of `reports`. */
  readonly urgencies: (Urgency | undefined)[] = [];
  readonly events: EventReport[] = [];
  readonly forgotten: string[] = [];
  readonly tornDown: string[] = [];
  /** Calls of the volumes, and what each waits for. */
  readonly refreshed: string[] = [];
  refreshGate: Promise<void> | undefined;
  teardownFailure: Error | undefined;
  prepareFailure: Error | undefined;
  bandwidthFailure: Error | undefined;
  cgroupFailure: Error | undefined;
  networkProblem: string | undefined;
  handlers: RuntimeHandler[] = [];
  readonly idRanges = new FakeIdRanges();
  forgetFailure: Error | undefined;
  readonly forgottenNeighbours: string[] = [];
  readonly complaints: string[] = [];
  readonly context: PodContext;

  constructor(runtime = new FakeRuntime()) {
    this.runtime = runtime;
    const { cri } = runtime;
    const { clock } = this;
    const complain = (_fields: object, message: string): void => {
      this.complaints.push(message);
    };
    const parts = {
      ...{ cri, clock, site: 'shop.berlin', logRoot: '/nowhere/towline-test-logs' },
      observer: new CriObserver(cri, clock),
      bandwidth: {
        limit: () =>
          this.bandwidthFailure === undefined
            ? Promise.resolve()
            : Promise.reject(this.bandwidthFailure),
        lift: () => Promise.resolve(),
      },
      forgetNeighbours: (addresses: readonly string[]) => {
        this.forgottenNeighbours.push(...addresses);
        return Promise.resolve();
      },
      images: new ImagePuller({
        ...{ cri, pulled: new PulledImages(new FakeStore()), maxParallelPulls: 2 },
        nowMs: () => clock.monotonicMs(),
      }),
      events: new EventRecorder({
        clock,
        emit: (event) => this.events.push(event),
      }),
      volumes: {
        prepare: () =>
          this.prepareFailure === undefined
            ? Promise.resolve(new Map())
            : Promise.reject(this.prepareFailure),
        refresh: async () => {
          this.refreshed.push('refresh');
          await this.refreshGate;
          return true;
        },
        teardown: (uid: string) => {
          this.tornDown.push(uid);
          return this.teardownFailure === undefined
            ? Promise.resolve()
            : Promise.reject(this.teardownFailure);
        },
        podsOnDisk: () => Promise.resolve([]),
      },
      files: {
        createTerminationLog: () => Promise.resolve('/nowhere/termination-log'),
        readTerminationLog: () => Promise.resolve(''),
        writeHosts: () => Promise.resolve('/nowhere/hosts'),
      },
      userNamespaces: new UserNamespaces({
        files: this.idRanges,
        pool: () => Promise.resolve({ firstId: 65_536, count: 65_536 }),
        handlers: () => this.handlers,
      }),
      objects: {
        ...{ configMap: () => undefined, secret: () => undefined },
        ...{ serviceLinks: () => [], runtimeClass: () => undefined },
        nodeLabels: () => undefined,
        extendedResources: () => ({}),
      },
      tokens: { token: () => Promise.reject(new Error('none')), renewAtMs: () => undefined },
      node: {
        ...{ nodeName: 'shop.berlin', hostname: 'device', hostIPs: ['192.168.7.2'] },
        ...{ memoryBytes: 1e9, allocatable: {} },
      },
      ...{ seccompRoot: '/nowhere/seccomp', hugePageSizes: [], hotPaths: [] },
      starts: new StartTurns({ count: Infinity, turnMs: 60_000, gatherMs: 0 }),
      networkProblem: () => Promise.resolve(this.networkProblem),
      recursiveReadOnly: () => false,
      terminations: new TerminationCounts(),
      placed: new PlacedPods({
        ...{ admission: () => undefined, allocatable: { cpu: '4' }, allowedUnsafeSysctls: [] },
        extendedResources: () => ({}),
        ...{ hasAppArmor: false, hasStrictGroups: () => false, node: () => undefined },
      }),
      clusterDns: { servers: [], domain: 'cluster.local' },
      resolvConf: () => '',
      nodeHostsFile: () => '',
      tasks: { signal: () => Promise.resolve() },
      cgroups: {
        parentOf: () => undefined,
        limit: () =>
          this.cgroupFailure === undefined ? Promise.resolve() : Promise.reject(this.cgroupFailure),
        remove: () => Promise.resolve(),
      },
      publish: (report: PodReport, urgency?: Urgency) => {
        this.reports.push(report);
        this.urgencies.push(urgency);
      },
      forget: (uid: string) => {
        if (this.forgetFailure !== undefined) throw this.forgetFailure;
        this.forgotten.push(uid);
      },
      log: { warn: complain, error: complain, info: () => undefined, debug: () => undefined },
    };
    this.context = parts as unknown as PodContext;
  }
}
