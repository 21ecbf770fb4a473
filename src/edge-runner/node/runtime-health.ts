import type { NodeReport } from '../../protocol/report.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { CriError } from '../cri/cri-error.ts';
import type { RuntimeCondition, RuntimeFeatures, RuntimeHandler } from '../cri/runtime-messages.ts';

/** A runtime that takes longer to say how it is isn't well. */
const statusTimeoutMs = 10_000;

/** What a runtime says that it can do; one that is too old to say so says nothing. */
export interface RuntimeAbilities {
  handlers: readonly RuntimeHandler[];
  features: RuntimeFeatures | undefined;
}

/**
 * What the runtime last said of itself and of its network, in a kubelet's words
 * (pkg/kubelet, `updateRuntimeUp`).
 */
export class RuntimeHealth {
  readonly #cri: Pick<CriClient, 'status'>;
  readonly #onNetworkReady: () => void;
  #network: string | undefined;
  #abilities: RuntimeAbilities = { handlers: [], features: undefined };

  /** `onNetworkReady`: told when pods can have addresses again. */
  constructor(options: { cri: Pick<CriClient, 'status'>; onNetworkReady: () => void }) {
    this.#cri = options.cri;
    this.#onNetworkReady = options.onNetworkReady;
  }

  /**
   * Asks the runtime. `mustAnswer`: what it can do has to be known from now on.
   * @returns the Node's condition `Ready`, as far as the runtime decides it
   * @throws CriError when a runtime that must answer doesn't
   */
  async look({ mustAnswer = false } = {}): Promise<NodeReport['conditions']> {
    try {
      const answer = await this.#cri.status({}, { timeoutMs: statusTimeoutMs });
      const { status, runtimeHandlers: handlers, features } = answer;
      this.#abilities = { handlers, features };
      const problems = required.map(({ type, title }) =>
        problemOf(
          title,
          status?.conditions.find((condition) => condition.type === type),
        ),
      );
      this.#noteNetwork(problems[networkIndex]);
      return ready(problems.filter((problem) => problem !== undefined));
    } catch (error) {
      if (mustAnswer || !(error instanceof CriError)) throw error;
      return ready([`container runtime is down: ${error.detail}`]);
    }
  }

  /** Why pods could have no address at the last look; undefined when they could. */
  get networkProblem(): string | undefined {
    return this.#network;
  }

  /** What the runtime could do at the last look at which it answered. */
  get abilities(): RuntimeAbilities {
    return this.#abilities;
  }

  #noteNetwork(problem: string | undefined): void {
    const isBack = this.#network !== undefined && problem === undefined;
    this.#network = problem;
    if (isBack) this.#onNetworkReady();
  }
}

/** Kubelet: the node is ready when its runtime and the runtime's network are. */
const required = [
  { type: 'RuntimeReady', title: 'container runtime not ready' },
  { type: 'NetworkReady', title: 'container runtime network not ready' },
] as const;
const networkIndex = 1;

function problemOf(title: string, condition: RuntimeCondition | undefined): string | undefined {
  if (condition === undefined) return `${title}: the runtime does not say`;
  const { type, status, reason, message } = condition;
  return status ? undefined : `${title}: ${type}=false reason:${reason} message:${message}`;
}

/** A kubelet puts several problems into brackets. */
function ready(problems: readonly string[]): NodeReport['conditions'] {
  const type = 'Ready';
  const [only] = problems;
  if (only === undefined) {
    const message = 'kubelet is posting ready status';
    return [{ type, status: 'True', reason: 'KubeletReady', message }];
  }
  const message = problems.length === 1 ? only : `[${problems.join(', ')}]`;
  return [{ type, status: 'False', reason: 'KubeletNotReady', message }];
}
