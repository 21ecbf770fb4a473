import type { Container, Pod, Secret } from '../../kube/api.ts';
import { formatDuration } from '../../kube/duration.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { CriError } from '../cri/cri-error.ts';
import type { Image } from '../cri/image-messages.ts';
import { maxParallelPulls } from '../limits.ts';
import type { PodEvents } from './event-recorder.ts';
import { imageCredentials } from './image-credentials.ts';
import { PodProblem } from './pod-problem.ts';

interface ImageRequest {
  pod: Pod;
  container: Container;
  secrets: readonly Secret[];
  events: PodEvents;
  signal: AbortSignal;
}

/** Makes images present on the device under a container's pull policy; a few pulls at a time. */
export class ImagePuller {
  readonly #cri: CriClient;
  readonly #now: () => number;
  readonly #slots = new Slots(maxParallelPulls);

  constructor(cri: CriClient, now: () => number) {
    this.#cri = cri;
    this.#now = now;
  }

  /** @throws PodProblem with a kubelet's reason: `ErrImageNeverPull`, `InvalidImageName`, `ErrImagePull`. */
  async ensure(request: ImageRequest): Promise<Image> {
    const { container, events } = request;
    const image = container.image ?? '';
    if (!imageReference.test(image)) {
      const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
      events.record('Warning', 'InspectFailed', message, container.name);
      throw new PodProblem('InvalidImageName', message);
    }
    const policy = container.imagePullPolicy ?? defaultPolicy(image);
    const present = policy === 'Always' ? undefined : await this.#find(image);
    if (present !== undefined) {
      events.record('Normal', 'Pulled', alreadyPresent(image), container.name);
      return present;
    }
    if (policy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      events.record('Warning', 'ErrImageNeverPull', message, container.name);
      throw new PodProblem('ErrImageNeverPull', message);
    }
    return this.#slots.run(request.signal, () => this.#pull(image, request));
  }

  async #pull(image: string, request: ImageRequest): Promise<Image> {
    const { events, container } = request;
    events.record('Normal', 'Pulling', `Pulling image "${image}"`, container.name);
    const startedAtMs = this.#now();
    try {
      await this.#pullWithCredentials(image, request);
      const pulled = await this.#find(image);
      if (pulled === undefined) {
        throw new PodProblem('ErrImagePull', `image "${image}" is gone right after its pull`);
      }
      const took = formatDuration(this.#now() - startedAtMs);
      events.record(
        'Normal',
        'Pulled',
        `Successfully pulled image "${image}" in ${took}. Image size: ${pulled.size} bytes.`,
        container.name,
      );
      return pulled;
    } catch (cause) {
      if (request.signal.aborted) throw cause;
      const detail = cause instanceof CriError ? cause.detail : String(cause);
      const message = `Failed to pull image "${image}": ${detail}`;
      events.record('Warning', 'Failed', message, container.name);
      events.record('Warning', 'Failed', 'Error: ErrImagePull', container.name);
      throw new PodProblem('ErrImagePull', detail, { cause });
    }
  }

  /** Kubelet: each matching credential in turn, the last error counts. */
  async #pullWithCredentials(image: string, request: ImageRequest): Promise<void> {
    const found = imageCredentials(image, request.secrets);
    const tries = found.length > 0 ? found : [undefined];
    for (const [index, auth] of tries.entries()) {
      try {
        await this.#cri.pullImage({ image: { image }, auth }, { signal: request.signal });
        return;
      } catch (error) {
        if (index === tries.length - 1) throw error;
      }
    }
  }

  async #find(image: string): Promise<Image | undefined> {
    return (await this.#cri.imageStatus({ image: { image } })).image;
  }
}

/** Kubernetes' default when the API server has not set one. */
function defaultPolicy(image: string): 'Always' | 'IfNotPresent' {
  const tag = /:([^/:@]+)$/.exec(image)?.[1];
  const digest = image.includes('@');
  return !digest && (tag === undefined || tag === 'latest') ? 'Always' : 'IfNotPresent';
}

function alreadyPresent(image: string): string {
  return `Container image "${image}" already present on machine`;
}

/** Reference grammar of the OCI distribution specification, with an optional host. */
const imageReference =
  /^(?:[A-Za-z0-9.-]+(?::\d+)?\/|\[[0-9a-fA-F:]+\](?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,})?$/;

/** Lets so many tasks run at a time, in the order they came. */
class Slots {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#free -= 1;
    try {
      signal.throwIfAborted();
      return await task();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
