import { isDeepStrictEqual } from 'node:util';
import type { ContainerStateWaiting, Pod, PodStatus } from '../../kube/api.ts';
import type { Misfit } from '../../kube/node-fit.ts';
import type { BackOff } from './back-off.ts';
import { podAddresses } from './container-starter.ts';
import { newestSandbox, type ObservedPod } from './observed.ts';
import type { ProbeResults } from '../probes/pod-probes.ts';
import type { Urgency } from '../report/outbox.ts';
import { mustBeKept } from './must-be-kept.ts';
import type { PodContext } from './pod-context.ts';
import { hasEnded, podStatus, type PodRejection } from './pod-status.ts';
import { TerminationMessages } from './termination-messages.ts';

/** What a pod's status is made of, besides what is kept here. */
export interface StatusView {
  pod: Pod;
  observed: ObservedPod;
  /** Containers that wait for their restart back-off. */
  waiting: ReadonlyMap<string, BackOff>;
  /** Why containers couldn't be started. */
  problems: ReadonlyMap<string, ContainerStateWaiting>;
  /** What probes say of running containers; absent when none runs any more. */
  probes?: ProbeResults;
  /** Why the pod waits for other resources, if it does. */
  resizePending?: Misfit | undefined;
}

/** Keeps one pod's status, and reports it whenever it has changed. */
export class StatusKeeper {
  readonly #context: PodContext;
  readonly #messages: TerminationMessages;
  #last: PodStatus | undefined;
  #isOurs = false;

  /** `last`: the status that was reported before the runner started, if any. */
  constructor(context: PodContext, last: PodStatus | undefined) {
    this.#context = context;
    this.#messages = new TerminationMessages(context.files);
    this.#last = last;
  }

  /** The status that was reported last. */
  get last(): PodStatus | undefined {
    return this.#last;
  }

  /** Whether `last` was made here, and not before the runner started. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** Reads what ended containers have left behind. */
  async observe(observed: ObservedPod): Promise<void> {
    await this.#messages.update(observed);
  }

  publish(view: StatusView): void {
    this.#publish(this.#make(view, false, undefined), 'now');
  }

  /** The status of a pod that is over is final: what vanishes from the runtime later changes nothing. */
  publishEnd(view: StatusView, rejection: PodRejection | undefined, when: 'now' | 'lazily'): void {
    this.#isOurs = true;
    if (hasEnded(this.#last)) return;
    this.#publish(this.#make(view, true, rejection), when);
  }

  /** Nothing of the pod is left on the device. */
  publishGone(pod: Pod): void {
    this.#report(pod, this.#last ?? {}, true, 'now');
  }

  #publish([pod, status]: [Pod, PodStatus], when: 'now' | 'lazily'): void {
    this.#isOurs = true;
    if (isDeepStrictEqual(status, this.#last)) return;
    this.#context.terminations.note(this.#last, status);
    const isKept = when === 'now' && mustBeKept(pod, status, this.#last);
    this.#last = status;
    this.#report(pod, status, false, isKept ? 'kept' : when);
  }

  #report(pod: Pod, status: PodStatus, gone: boolean, urgency: Urgency): void {
    const { name, namespace = '', uid = '' } = pod.metadata;
    this.#context.publish({ uid, name, namespace, gone, status: { ...status } }, urgency);
  }

  #make(
    view: StatusView,
    finished: boolean,
    rejection: PodRejection | undefined,
  ): [Pod, PodStatus] {
    const { pod, observed } = view;
    const status = podStatus({
      ...{ ...view, finished, rejection, previous: this.#last },
      messages: this.#messages.byContainer,
      podIPs: podAddresses(this.#context, pod, newestSandbox(observed)),
      hostIPs: this.#context.node.hostIPs,
      recursiveReadOnly: this.#context.recursiveReadOnly(pod.spec.runtimeClassName),
      nowMs: this.#context.clock.wallMs(),
    });
    return [pod, status];
  }
}
