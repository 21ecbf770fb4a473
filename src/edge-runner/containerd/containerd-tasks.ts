import { maxTimerMs } from '../../tunnel/clock.ts';
import { CriError, hasCriCode } from '../cri/cri-error.ts';
import type { GrpcChannel } from '../cri/grpc-channel.ts';
import { message } from '../cri/proto-message.ts';
import { uint32 } from '../cri/proto-numbers.ts';
import { string } from '../cri/proto-strings.ts';
import { Empty } from '../cri/runtime-messages.ts';

const service = 'containerd.services.tasks.v1.Tasks';

const killMethod = {
  ...{ service, name: 'Kill', response: Empty },
  request: message({ containerId: string(1), execId: string(2), signal: uint32(3) }),
};

const waitMethod = {
  ...{ service, name: 'Wait', response: message({ exitStatus: uint32(1) }) },
  request: message({ containerId: string(1), execId: string(2) }),
};

/** containerd's task service, for what CRI has no words for. */
export class ContainerdTasks {
  readonly #channel: GrpcChannel;
  readonly #metadata: Record<string, string>;

  constructor(channel: GrpcChannel, options: { namespace?: string } = {}) {
    this.#channel = channel;
    this.#metadata = { 'containerd-namespace': options.namespace ?? 'k8s.io' };
  }

  /**
   * Sends a signal to a container's first process and waits for its end, at most `graceSeconds`. One
   * that has no process any more is fine.
   * @throws CriError, also when the signal aborts
   */
  async signal(
    containerId: string,
    signalNumber: number,
    { graceSeconds, signal }: { graceSeconds: number; signal: AbortSignal },
  ): Promise<void> {
    const call = { metadata: this.#metadata, signal };
    try {
      await this.#channel.unary(killMethod, { containerId, signal: signalNumber }, call);
      const timeoutMs = Math.min(graceSeconds * 1000, maxTimerMs);
      await this.#channel.unary(waitMethod, { containerId }, { ...call, timeoutMs });
    } catch (error) {
      if (hasCriCode(error, 'NOT_FOUND') || isOutOfTime(error)) return;
      throw error;
    }
  }
}

function isOutOfTime(error: unknown): boolean {
  return error instanceof CriError && error.code === 'DEADLINE_EXCEEDED';
}
