import type { Pod, PodStatus } from '../../kube/api.ts';
import { BrokenStarts } from './broken-starts.ts';
import { ContainerEnds } from './container-ends.ts';
import { podAddresses } from './container-starter.ts';
import { newestSandbox, type ObservedContainer, type ObservedPod } from './observed.ts';
import type { PodContext } from './pod-context.ts';
import type { PodHealth } from './pod-health.ts';
import { recallResizes } from './recall-resizes.ts';
import { tellFailure } from './runtime-failures.ts';
import type { StatusKeeper } from './status-keeper.ts';

interface PodLookOptions {
  context: PodContext;
  /** The pod as it is now, and whether it is being brought up or runs. */
  subject: { readonly pod: Pod; readonly isActive: boolean };
  status: StatusKeeper;
  health: PodHealth;
  /** The status that was reported before the runner started, if any. */
  lastStatus: PodStatus | undefined;
}

/** What the runtime says of one pod; whoever lives by that is told at each look. */
export class PodLook {
  readonly #options: PodLookOptions;
  readonly #brokenStarts: BrokenStarts;
  readonly #ends = new ContainerEnds();
  #observed: ObservedPod = { sandboxes: [], containers: [], settleInMs: undefined };

  constructor(options: PodLookOptions) {
    this.#options = options;
    this.#brokenStarts = new BrokenStarts(options.lastStatus);
  }

  /** What it said last. */
  get observed(): ObservedPod {
    return this.#observed;
  }

  /** Calls back once when a container is known to have ended. Returns how to stop it. */
  onContainerEnd(containerId: string, listener: () => void): () => void {
    return this.#ends.watch(containerId, listener, this.#observed);
  }

  /** Asks the runtime. @throws CriError */
  async take(): Promise<void> {
    const { context, subject, status, health } = this.#options;
    const { observer, events } = context;
    const look = observer.observe(subject.pod.metadata.uid ?? '');
    const found = await tellFailure('FailedSync', events.forPod(subject.pod), look);
    const seen = status.isOurs
      ? found
      : recallResizes(found, status.last, (id, given) => {
          observer.noteResize(id, given);
        });
    const broken = this.#brokenStarts.find(seen);
    if (subject.isActive) for (const container of broken) this.#tellOfBrokenStart(container);
    this.#observed = this.#brokenStarts.undo(seen);
    await status.observe(this.#observed);
    this.#ends.observe(this.#observed);
    const [podIp] = podAddresses(context, subject.pod, newestSandbox(this.#observed));
    health.observe(subject.pod, this.#observed, podIp);
  }

  /** Nobody looks any more. */
  close(): void {
    this.#ends.endAll();
  }

  #tellOfBrokenStart({ name: container, attempt, reason, message }: ObservedContainer): void {
    const { context, subject } = this.#options;
    const { name, namespace, uid } = subject.pod.metadata;
    const fields = { pod: name, namespace, uid, container, attempt, reason, message };
    context.log.warn(fields, 'the start of a container was broken off; it is started again');
  }
}
