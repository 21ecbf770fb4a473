import { CriClient } from '../cri/cri-client.ts';
import { CriError } from '../cri/cri-error.ts';
import { GrpcChannel } from '../cri/grpc-channel.ts';
import { labels } from '../pod/runtime.ts';
import type { Section } from './section.ts';

const answerTimeoutMs = 5_000;

/** containerd, its conditions, and the pods that runners have in it, by name and state. */
export async function describeRuntime(socketPath: string): Promise<Section> {
  const title = 'containerd';
  const channel = new GrpcChannel({ socketPath });
  const cri = new CriClient(channel);
  const timeout = { timeoutMs: answerTimeoutMs };
  try {
    const { runtimeName, runtimeVersion } = await cri.version({}, timeout);
    const { status } = await cri.status({}, timeout);
    const { items } = await cri.listPodSandbox({}, timeout);
    const { containers } = await cri.listContainers({}, timeout);
    const ours = items.filter((sandbox) => sandbox.labels[labels.site] !== undefined);
    return {
      title,
      lines: [
        `${runtimeName} ${runtimeVersion} at ${socketPath}`,
        ...(status?.conditions ?? []).map(
          ({ type, status: is, reason, message }) =>
            `${type} ${String(is)}${is ? '' : ` ${reason}: ${message}`}`,
        ),
        ...ours.map(({ id, state, metadata }) => {
          const states = containers
            .filter(({ podSandboxId }) => podSandboxId === id)
            .map((container) => `${container.metadata?.name ?? ''} ${container.state}`);
          const pod = `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
          return `pod ${pod} ${state}: ${states.join(', ') || 'no containers'}`;
        }),
      ],
    };
  } catch (error) {
    if (!(error instanceof CriError)) throw error;
    return { title, lines: [error.message] };
  } finally {
    await channel.close();
  }
}
