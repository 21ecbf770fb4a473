import type { Container, Pod, Secret } from '../../kube/api.ts';
import { formatDuration } from '../../kube/duration.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { CriError, isRuntimeGone } from '../cri/cri-error.ts';
import type { Image } from '../cri/image-messages.ts';
import { maxParallelPulls } from '../limits.ts';
import type { PodEvents } from './event-recorder.ts';
import { imageCredentials } from './image-credentials.ts';
import { PodProblem } from './pod-problem.ts';
import { Slots } from './slots.ts';

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
  readonly #nowMs: () => number;
  readonly #slots = new Slots(maxParallelPulls);

  /** `nowMs` measures how long a pull took. */
  constructor(cri: CriClient, nowMs: () => number) {
    this.#cri = cri;
    this.#nowMs = nowMs;
  }

  /**
   * @throws PodProblem with a kubelet's reason: `ErrImageNeverPull`, `InvalidImageName`,
   *   `ImageInspectError`, `ErrImagePull`; CriError when the runtime is away; the signal's reason.
   */
  async ensure(request: ImageRequest): Promise<Image> {
    const { container, events } = request;
    const image = container.image ?? '';
    if (!isImageReference(image)) {
      const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
      events.record('Warning', 'InspectFailed', message, container.name);
      throw new PodProblem('InvalidImageName', message);
    }
    const policy = container.imagePullPolicy ?? defaultPolicy(image);
    const present = policy === 'Always' ? undefined : await this.#inspect(image, request);
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
    const startedAtMs = this.#nowMs();
    try {
      await this.#pullWithCredentials(image, request);
      const pulled = await this.#find(image);
      if (pulled === undefined) {
        throw new PodProblem('ErrImagePull', `image "${image}" is gone right after its pull`);
      }
      const took = formatDuration(Math.round(this.#nowMs() - startedAtMs));
      events.record(
        'Normal',
        'Pulled',
        `Successfully pulled image "${image}" in ${took}. Image size: ${pulled.size} bytes.`,
        container.name,
      );
      return pulled;
    } catch (cause) {
      if (request.signal.aborted || isRuntimeGone(cause)) throw cause;
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
        if (index === tries.length - 1 || request.signal.aborted) throw error;
      }
    }
  }

  async #inspect(image: string, { events, container }: ImageRequest): Promise<Image | undefined> {
    try {
      return await this.#find(image);
    } catch (cause) {
      if (!(cause instanceof CriError) || isRuntimeGone(cause)) throw cause;
      const message = `Failed to inspect image "${image}": ${cause.detail}`;
      events.record('Warning', 'InspectFailed', message, container.name);
      throw new PodProblem('ImageInspectError', message, { cause });
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

/** Whether a runtime can make anything of an image's name. */
export function isImageReference(name: string): boolean {
  return imageReference.test(name);
}

/** Reference grammar of the OCI distribution specification, with an optional host. */
const imageReference =
  /^(?:[A-Za-z0-9.-]+(?::\d+)?\/|\[[0-9a-fA-F:]+\](?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,})?$/;
