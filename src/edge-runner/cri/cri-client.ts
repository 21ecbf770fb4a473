import { CriError, hasCriCode } from './cri-error.ts';
import { imageMethods, runtimeMethods } from './cri-methods.ts';
import type { CallOptions, GrpcChannel, GrpcMethod } from './grpc-channel.ts';

/** One CRI call. Rejects with a CriError and nothing else. */
export type CriCall<Request, Response> = (
  request: Request,
  options?: CallOptions,
) => Promise<Response>;

/** A CRI call that can be made without a request. */
export type CriQuestion<Request, Response> = (
  request?: Request,
  options?: CallOptions,
) => Promise<Response>;

/** The kubelet's `--runtime-request-timeout`. */
const defaultTimeoutMs = 120_000;

/**
 * The container runtime interface, v1: every call of both services under its own name, with
 * requests and responses as in the messages' files.
 *
 * Deadlines are the kubelet's unless the call's options give one: 2 minutes, twice that for
 * making a sandbox, the grace period or the command's own timeout on top where there is one, none
 * for pulling an image or for a command without a timeout.
 */
export class CriClient {
  readonly #channel: GrpcChannel;
  readonly #timeoutMs: number;

  readonly version = this.#question(runtimeMethods.version);
  readonly status = this.#question(runtimeMethods.status);
  readonly runtimeConfig = this.#question(runtimeMethods.runtimeConfig);
  readonly updateRuntimeConfig = this.#call(runtimeMethods.updateRuntimeConfig);

  readonly runPodSandbox = this.#call(runtimeMethods.runPodSandbox, () => this.#timeoutMs * 2);
  readonly stopPodSandbox = this.#call(runtimeMethods.stopPodSandbox);
  readonly removePodSandbox = this.#call(runtimeMethods.removePodSandbox);
  readonly podSandboxStatus = this.#call(runtimeMethods.podSandboxStatus);
  readonly listPodSandbox = this.#question(runtimeMethods.listPodSandbox);
  readonly updatePodSandboxResources = this.#call(runtimeMethods.updatePodSandboxResources);

  readonly createContainer = this.#call(runtimeMethods.createContainer);
  readonly startContainer = this.#call(runtimeMethods.startContainer);
  readonly stopContainer = this.#call(
    runtimeMethods.stopContainer,
    ({ timeout = 0 }) => this.#timeoutMs + timeout * 1000,
  );
  readonly removeContainer = this.#call(runtimeMethods.removeContainer);
  readonly listContainers = this.#question(runtimeMethods.listContainers);
  readonly containerStatus = this.#call(runtimeMethods.containerStatus);
  readonly updateContainerResources = this.#call(runtimeMethods.updateContainerResources);
  readonly reopenContainerLog = this.#call(runtimeMethods.reopenContainerLog);
  readonly checkpointContainer = this.#call(
    runtimeMethods.checkpointContainer,
    ({ timeout = 0 }) => this.#timeoutMs + timeout * 1000,
  );

  readonly execSync = this.#call(runtimeMethods.execSync, ({ timeout = 0 }) =>
    timeout === 0 ? 0 : this.#timeoutMs + timeout * 1000,
  );
  readonly exec = this.#call(runtimeMethods.exec);
  readonly attach = this.#call(runtimeMethods.attach);
  readonly portForward = this.#call(runtimeMethods.portForward);

  readonly containerStats = this.#call(runtimeMethods.containerStats);
  readonly listContainerStats = this.#question(runtimeMethods.listContainerStats);
  readonly podSandboxStats = this.#call(runtimeMethods.podSandboxStats);
  readonly listPodSandboxStats = this.#question(runtimeMethods.listPodSandboxStats);

  readonly listImages = this.#question(imageMethods.listImages);
  readonly imageStatus = this.#call(imageMethods.imageStatus);
  readonly pullImage = this.#call(imageMethods.pullImage, () => 0);
  readonly removeImage = this.#call(imageMethods.removeImage);
  readonly imageFsInfo = this.#question(imageMethods.imageFsInfo);

  constructor(channel: GrpcChannel, options: { timeoutMs?: number } = {}) {
    this.#channel = channel;
    this.#timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  }

  #call<Request, Response>(
    method: GrpcMethod<Request, Response>,
    timeoutMsOf: (request: Request) => number = () => this.#timeoutMs,
  ): CriCall<Request, Response> {
    return async (request, options = {}) => {
      const timeoutMs = options.timeoutMs ?? timeoutMsOf(request);
      try {
        return await this.#channel.unary(method, request, { ...options, timeoutMs });
      } catch (error) {
        throw await this.#refine(error, method);
      }
    };
  }

  #question<Request, Response>(
    method: GrpcMethod<Request, Response>,
  ): CriQuestion<Request, Response> {
    const call = this.#call(method);
    return (request, options) => call(request ?? ({} as Request), options);
  }

  /**
   * A server without CRI and a CRI without this call look alike (`UNIMPLEMENTED`), but a CRI
   * always has Version.
   */
  async #refine(error: unknown, method: GrpcMethod<never, unknown>): Promise<unknown> {
    if (!hasCriCode(error, 'UNIMPLEMENTED')) return error;
    if (method.name !== runtimeMethods.version.name) {
      const version = this.#channel.unary(
        runtimeMethods.version,
        {},
        { timeoutMs: this.#timeoutMs },
      );
      const unimplemented = await version.then(
        () => false,
        (reason: unknown) => hasCriCode(reason, 'UNIMPLEMENTED'),
      );
      if (!unimplemented) return error;
    }
    return new CriError('NO_CRI', error, { cause: error });
  }
}
