import type { Container, Pod, Secret } from '../../kube/api.ts';
import { formatDuration } from '../../kube/duration.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { CriError, hasCriCode, isRuntimeGone } from '../cri/cri-error.ts';
import type { Image } from '../cri/image-messages.ts';
import { rpcProblem } from '../probes/rpc-text.ts';
import type { PodEvents } from './event-recorder.ts';
import {
  imageCredentials,
  type ImageCredentials,
  type SecretIdentity,
} from './image-credentials.ts';
import { referenceProblem } from './image-reference.ts';
import { PodProblem } from './pod-problem.ts';
import type { PulledImages } from './pulled-images.ts';
import { Slots } from './slots.ts';

interface ImageRequest {
  pod: Pod;
  container: Container;
  secrets: readonly Secret[];
  events: PodEvents;
  signal: AbortSignal;
}

interface ImagePullerOptions {
  cri: Pick<CriClient, 'imageStatus' | 'pullImage'>;
  pulled: PulledImages;
  maxParallelPulls: number;
  /** Measures how long a pull took. */
  nowMs: () => number;
}

/** Makes images present on the device under a container's pull policy; a few pulls at a time. */
export class ImagePuller {
  readonly #options: ImagePullerOptions;
  readonly #slots: Slots;

  constructor(options: ImagePullerOptions) {
    this.#options = options;
    this.#slots = new Slots(options.maxParallelPulls);
  }

  /**
   * @throws PodProblem with a kubelet's reason: `ErrImageNeverPull`, `InvalidImageName`,
   *   `ImageInspectError`, `ErrImagePull`; CriError when the runtime is away; RunnerError
   *   `STORE_FAILED`; the signal's reason.
   */
  async ensure(request: ImageRequest): Promise<Image> {
    const { container, events, secrets } = request;
    const image = container.image ?? '';
    const malformed = referenceProblem(image);
    if (malformed !== undefined) {
      const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": ${malformed}`;
      events.record('Warning', 'InspectFailed', message, container.name);
      throw new PodProblem('InvalidImageName', message);
    }
    const policy = container.imagePullPolicy ?? defaultPolicy(image);
    const credentials = imageCredentials(image, secrets);
    const present = policy === 'Always' ? undefined : await this.#inspect(image, request);
    if (present !== undefined && this.#mayUse(image, present, credentials)) {
      events.record('Normal', 'Pulled', alreadyPresent(image), container.name);
      return present;
    }
    // Kubelet: nobody is to learn that an image is there which isn't for them.
    if (policy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      events.record('Warning', 'ErrImageNeverPull', message, container.name);
      throw new PodProblem('ErrImageNeverPull', message);
    }
    return this.#pull(image, credentials, request);
  }

  #mayUse(image: string, { id }: Image, credentials: readonly ImageCredentials[]): boolean {
    const secrets = credentials.map(({ secret }) => secret);
    return this.#options.pulled.mayUse(image, id, secrets);
  }

  async #pull(
    image: string,
    credentials: readonly ImageCredentials[],
    request: ImageRequest,
  ): Promise<Image> {
    const { events, container, signal } = request;
    const { nowMs } = this.#options;
    events.record('Normal', 'Pulling', `Pulling image "${image}"`, container.name);
    const askedAtMs = nowMs();
    let begunAtMs = askedAtMs;
    try {
      const pulled = await this.#slots.run(signal, () => {
        begunAtMs = nowMs();
        return this.#pullNoted(image, credentials, signal);
      });
      const [took, inAll] = [begunAtMs, askedAtMs].map((sinceMs) =>
        formatDuration(Math.trunc(nowMs() - sinceMs)),
      );
      events.record(
        'Normal',
        'Pulled',
        `Successfully pulled image "${image}" in ${took} (${inAll} including waiting). Image size: ${pulled.size} bytes.`,
        container.name,
      );
      return pulled;
    } catch (error) {
      if (error instanceof PodProblem && !signal.aborted) {
        const message = `Failed to pull image "${image}": ${error.message}`;
        events.record('Warning', 'Failed', message, container.name);
        events.record('Warning', 'Failed', 'Error: ErrImagePull', container.name);
      }
      throw error;
    }
  }

  /** Notes first that it pulls, and then what with. */
  async #pullNoted(
    image: string,
    credentials: readonly ImageCredentials[],
    signal: AbortSignal,
  ): Promise<Image> {
    const { pulled } = this.#options;
    pulled.began(image);
    const { found, secret } = await this.#pullAndFind(image, credentials, signal).catch(
      (error: unknown) => {
        pulled.failed(image);
        throw error;
      },
    );
    pulled.succeeded(image, found.id, secret);
    return found;
  }

  async #pullAndFind(
    image: string,
    credentials: readonly ImageCredentials[],
    signal: AbortSignal,
  ): Promise<{ found: Image; secret: SecretIdentity | undefined }> {
    const secret = await this.#pullWithAnyOf(credentials, image, signal);
    const found = await this.#find(image);
    if (found !== undefined) return { found, secret };
    throw new PodProblem('ErrImagePull', `image "${image}" is gone right after its pull`);
  }

  /** Kubelet: each matching credential in turn, and without any only if there is none. */
  async #pullWithAnyOf(
    credentials: readonly ImageCredentials[],
    image: string,
    signal: AbortSignal,
  ): Promise<SecretIdentity | undefined> {
    const { cri } = this.#options;
    const problems = new Set<string>();
    for (const each of credentials.length > 0 ? credentials : [undefined]) {
      try {
        await cri.pullImage({ image: { image }, auth: each?.auth }, { signal });
        return each?.secret;
      } catch (error) {
        if (signal.aborted || !(error instanceof CriError) || isRuntimeGone(error)) throw error;
        problems.add(pullProblem(error));
      }
    }
    const [first = '', ...others] = problems;
    const problem = others.length === 0 ? first : `[${[first, ...others].join(', ')}]`;
    throw new PodProblem('ErrImagePull', problem);
  }

  async #inspect(image: string, { events, container }: ImageRequest): Promise<Image | undefined> {
    try {
      return await this.#find(image);
    } catch (cause) {
      if (!(cause instanceof CriError) || isRuntimeGone(cause)) throw cause;
      const problem = rpcProblem(cause.code, cause.detail);
      const message = `Failed to inspect image "${image}": ${problem}`;
      events.record('Warning', 'InspectFailed', message, container.name);
      throw new PodProblem('ImageInspectError', message, { cause });
    }
  }

  async #find(image: string): Promise<Image | undefined> {
    return (await this.#options.cri.imageStatus({ image: { image } })).image;
  }
}

/** Kubelet: the code that says nothing is left out. */
function pullProblem(error: CriError): string {
  const { code, detail } = error;
  return hasCriCode(error, 'UNKNOWN') ? detail : rpcProblem(code, detail);
}

/** Kubernetes' default when the API server has not set one. */
function defaultPolicy(image: string): 'Always' | 'IfNotPresent' {
  const tag = /:([^/:@]+)$/.exec(image)?.[1];
  const digest = image.includes('@');
  return !digest && (tag === undefined || tag === 'latest') ? 'Always' : 'IfNotPresent';
}

function alreadyPresent(image: string): string {
  return `Container image "${image}" already present on machine and can be accessed by the pod`;
}
