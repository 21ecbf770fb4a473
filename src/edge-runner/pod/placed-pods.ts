import type { Pod } from '../../kube/api.ts';
import { needsAppArmor } from '../../kube/app-armor.ts';
import {
  lastingMisfit,
  nodeMisfit,
  resourceMisfit,
  type Misfit,
  type NodeRoom,
} from '../../kube/node-fit.ts';
import type { NodeTraits } from '../../kube/node-affinity.ts';
import { mayPreempt } from '../../kube/priority.ts';
import { qosClassOf } from '../../kube/qos.ts';
import { forbiddenSysctl } from '../../kube/sysctls.ts';

/** What the device can give and allows. */
export interface NodeRules {
  /** Why the device takes no new pod of this kind now, if it doesn't. */
  admission: (pod: Pod) => Misfit | undefined;
  allocatable: Record<string, string>;
  /** What the Node has besides, as the cloud says. */
  extendedResources: () => Record<string, string>;
  /** Names of sysctls, or prefixes that end in `*`. */
  allowedUnsafeSysctls: readonly string[];
  hasAppArmor: boolean;
  /** Whether the runtime knows `supplementalGroupsPolicy: Strict`. */
  hasStrictGroups: () => boolean;
  /** The node as pods select it; undefined where its labels aren't known. */
  node: () => NodeTraits | undefined;
}

/** The pods that have their place on this device, and whether there is room for another. */
export class PlacedPods {
  readonly #rules: NodeRules;
  readonly #pods = new Map<string, Pod>();
  readonly #listeners: (() => void)[] = [];

  constructor(rules: NodeRules) {
    this.#rules = rules;
  }

  /** Gives a new pod its place, or returns why it gets none. The pod must be well-formed. */
  place(pod: Pod): Misfit | undefined {
    const misfit = this.#refusal(pod) ?? nodeMisfit(pod, this.#room());
    if (misfit === undefined) this.keep(pod);
    return misfit;
  }

  /**
   * The pods whose places a critical pod without one would need: the fewest of those that matter
   * least. Undefined when not even all lesser pods together leave it room, or when something else than
   * resources keeps it out: then nobody ends in vain.
   * Source of the order: kubelet, pkg/kubelet/preemption, getPodsToPreempt.
   */
  victimsOf(pod: Pod): Pod[] | undefined {
    if ((this.#refusal(pod) ?? lastingMisfit(pod, this.#room())) !== undefined) return undefined;
    const others = [...this.#pods.values()];
    const victims = new Set(others.filter((other) => mayPreempt(pod, other)));
    const fits = (): boolean => {
      const left = others.filter((other) => !victims.has(other));
      return resourceMisfit(pod, this.#space(left)) === undefined;
    };
    if (!fits()) return undefined;
    for (const spared of [...victims].sort(byWorth).reverse()) {
      victims.delete(spared);
      if (!fits()) victims.add(spared);
    }
    return [...victims].sort(byWorth);
  }

  /** Why a pod that has its place can't have the resources that it names now. */
  resizeMisfit(pod: Pod): Misfit | undefined {
    const others = [...this.#pods.values()].filter(
      ({ metadata }) => metadata.uid !== pod.metadata.uid,
    );
    const never = nodeMisfit(pod, this.#space([]));
    if (never !== undefined) return { reason: 'Infeasible', message: never.message };
    const now = nodeMisfit(pod, this.#space(others));
    return now && { reason: 'Deferred', message: now.message };
  }

  /** A pod that has its place, as it is now. */
  keep(pod: Pod): void {
    this.#pods.set(pod.metadata.uid ?? '', pod);
  }

  pods(): readonly Pod[] {
    return [...this.#pods.values()];
  }

  has(podUid: string): boolean {
    return this.#pods.has(podUid);
  }

  release(podUid: string): void {
    if (!this.#pods.delete(podUid)) return;
    for (const listener of this.#listeners) listener();
  }

  /** Calls back whenever a pod has left its place. */
  onRelease(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** What keeps a pod out whatever else runs. */
  #refusal(pod: Pod): Misfit | undefined {
    return this.#rules.admission(pod) ?? this.#forbidden(pod);
  }

  #room(): NodeRoom {
    return { ...this.#space([...this.#pods.values()]), node: this.#rules.node() };
  }

  #space(pods: readonly Pod[]): NodeRoom {
    const { allocatable, extendedResources } = this.#rules;
    return { allocatable: { ...extendedResources(), ...allocatable }, pods };
  }

  #forbidden(pod: Pod): Misfit | undefined {
    const { allowedUnsafeSysctls, hasAppArmor, hasStrictGroups } = this.#rules;
    const sysctl = forbiddenSysctl(pod.spec, allowedUnsafeSysctls);
    if (sysctl !== undefined) return { reason: 'SysctlForbidden', message: sysctl };
    if (needsAppArmor(pod) && !hasAppArmor) {
      const message = 'Cannot enforce AppArmor: AppArmor is not enabled on the host';
      return { reason: 'AppArmor', message };
    }
    const isStrict = pod.spec.securityContext?.supplementalGroupsPolicy === 'Strict';
    if (!isStrict || hasStrictGroups()) return undefined;
    const message = 'SupplementalGroupsPolicy=Strict is not supported in this node';
    return { reason: 'SupplementalGroupsPolicyNotSupported', message };
  }
}

const worthOfClass = { BestEffort: 0, Burstable: 1, Guaranteed: 2 } as const;

/** The least worth first: by QoS class, then by priority. */
function byWorth(a: Pod, b: Pod): number {
  return (
    worthOfClass[qosClassOf(a)] - worthOfClass[qosClassOf(b)] ||
    (a.spec.priority ?? 0) - (b.spec.priority ?? 0)
  );
}
