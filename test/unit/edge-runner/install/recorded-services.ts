import { RunnerError } from '../../../../src/edge-runner/errors.ts';
import type { ServiceManager } from '../../../../src/edge-runner/install/systemd.ts';

/** Writes down what is asked of it. */
export class RecordedServices implements ServiceManager {
  readonly asked: string[] = [];
  /** Whether there is such a manager. */
  isThere = true;
  #active = false;

  requireThere(): Promise<void> {
    if (this.isThere) return Promise.resolve();
    return Promise.reject(new RunnerError('SYSTEMD_FAILED', 'systemd does not run here'));
  }

  reload(): Promise<void> {
    return this.#ask('reload');
  }

  enable(unit: string): Promise<void> {
    return this.#ask(`enable ${unit}`);
  }

  restart(unit: string): Promise<void> {
    this.#active = true;
    return this.#ask(`restart ${unit}`);
  }

  isActive(): Promise<boolean> {
    return Promise.resolve(this.#active);
  }

  disable(unit: string): Promise<void> {
    this.#active = false;
    return this.#ask(`disable ${unit}`);
  }

  /** What was asked since the last time. */
  take(): string[] {
    return this.asked.splice(0);
  }

  #ask(what: string): Promise<void> {
    this.asked.push(what);
    return Promise.resolve();
  }
}
