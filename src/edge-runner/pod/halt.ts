/** That a pod is to stop because its device goes down; it starts again with the next runner. */
export class Halt {
  readonly #stopped = Promise.withResolvers<undefined>();
  #maxGraceSeconds: number | undefined;

  get isWanted(): boolean {
    return this.#maxGraceSeconds !== undefined;
  }

  /** Resolves once nothing of the pod runs. */
  get stopped(): Promise<undefined> {
    return this.#stopped.promise;
  }

  want(maxGraceSeconds: number): void {
    this.#maxGraceSeconds ??= maxGraceSeconds;
  }

  /** The pod's grace, cut at what is left until the device is off. */
  limit(graceSeconds: number): number {
    return Math.min(graceSeconds, this.#maxGraceSeconds ?? Infinity);
  }

  tellStopped(): void {
    this.#stopped.resolve(undefined);
  }
}
