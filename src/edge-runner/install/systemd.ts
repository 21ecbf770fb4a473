import { access } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { RunnerError } from '../errors.ts';

const run = promisify(execFile);

/** What install and uninstall ask of the service manager. All calls throw RunnerError `SYSTEMD_FAILED`. */
export interface ServiceManager {
  /** Rejects where there is none to take a unit. Changes nothing. */
  requireThere(): Promise<void>;
  reload(): Promise<void>;
  /** At every boot from now on. */
  enable(unit: string): Promise<void>;
  restart(unit: string): Promise<void>;
  isActive(unit: string): Promise<boolean>;
  /** Stops it, and not at boots any more; one that isn't there is no error. */
  disable(unit: string): Promise<void>;
}

/** systemd of the running system, or the files of another one (`root` isn't `/`), where nothing runs. */
export class Systemd implements ServiceManager {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Source: sd_booted(3). */
  async requireThere(): Promise<void> {
    await systemctl('--version');
    if (!this.#isLive()) return;
    await access('/run/systemd/system').catch((cause: unknown) => {
      throw systemdFailed('systemd does not run here', cause);
    });
  }

  async reload(): Promise<void> {
    if (this.#isLive()) await systemctl('daemon-reload');
  }

  async enable(unit: string): Promise<void> {
    await systemctl(...this.#rootFlag(), 'enable', '--quiet', unit);
  }

  async restart(unit: string): Promise<void> {
    if (this.#isLive()) await systemctl('restart', unit);
  }

  async isActive(unit: string): Promise<boolean> {
    if (!this.#isLive()) return false;
    return systemctl('is-active', '--quiet', unit).then(
      () => true,
      () => false,
    );
  }

  async disable(unit: string): Promise<void> {
    const now = this.#isLive() ? ['--now'] : [];
    await systemctl(...this.#rootFlag(), 'disable', '--quiet', ...now, unit);
  }

  #isLive(): boolean {
    return this.#root === '/';
  }

  #rootFlag(): string[] {
    return this.#isLive() ? [] : [`--root=${this.#root}`];
  }
}

async function systemctl(...args: string[]): Promise<void> {
  try {
    await run('systemctl', args);
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim().split('\n')[0];
    const why = said || (cause instanceof Error ? cause.message : String(cause));
    throw systemdFailed(`systemctl ${args.join(' ')}: ${why}`, cause);
  }
}

function systemdFailed(what: string, cause: unknown): RunnerError {
  return new RunnerError(
    'SYSTEMD_FAILED',
    `${what}; where there is no systemd, put "towline-runner run" under the service manager that there is`,
    { cause },
  );
}
