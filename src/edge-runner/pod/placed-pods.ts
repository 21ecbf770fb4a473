import type { Pod } from '../../kube/api.ts';
import { needsAppArmor } from '../../kube/app-armor.ts';
import { nodeMisfit, type Misfit } from '../../kube/node-fit.ts';
import { forbiddenSysctl } from '../../kube/sysctls.ts';

/** What the device can give and allows. */
export interface NodeRules {
  allocatable: Record<string, string>;
  /** Names of sysctls, or prefixes that end in `*`. */
  allowedUnsafeSysctls: readonly string[];
  hasAppArmor: boolean;
  /** Whether the runtime knows `supplementalGroupsPolicy: Strict`. */
  hasStrictGroups: boolean;
}

/** The pods that have their place on this device, and whether there is room for another. */
export class PlacedPods {
  readonly #rules: NodeRules;
  readonly #pods = new Map<string, Pod>();

  constructor(rules: NodeRules) {
    this.#rules = rules;
  }

  /** Gives a new pod its place, or returns why it gets none. The pod must be well-formed. */
  place(pod: Pod): Misfit | undefined {
    const { allocatable } = this.#rules;
    const misfit =
      this.#forbidden(pod) ?? nodeMisfit(pod, { allocatable, pods: [...this.#pods.values()] });
    if (misfit === undefined) this.keep(pod);
    return misfit;
  }

  /** A pod that has its place, as it is now. */
  keep(pod: Pod): void {
    this.#pods.set(pod.metadata.uid ?? '', pod);
  }

  has(podUid: string): boolean {
    return this.#pods.has(podUid);
  }

  release(podUid: string): void {
    this.#pods.delete(podUid);
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
    if (!isStrict || hasStrictGroups) return undefined;
    const message = 'SupplementalGroupsPolicy=Strict is not supported in this node';
    return { reason: 'SupplementalGroupsPolicyNotSupported', message };
  }
}
