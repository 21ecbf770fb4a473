import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';

/** How long systemd may take to say; it is busy then. */
const answerTimeoutMs = 3_000;

interface Systemd {
  /** Is there where systemd runs, see sd_booted(3). */
  runFolder?: string;
  /** Where `systemctl` is looked for. */
  path?: string | undefined;
}

/** Whether systemd is shutting the whole machine down, not only this service. */
export function isMachineGoingDown({
  runFolder = '/run/systemd/system',
  path = process.env['PATH'],
}: Systemd = {}): Promise<boolean> {
  if (!existsSync(runFolder)) return Promise.resolve(false);
  const options = { timeout: answerTimeoutMs, env: { ...process.env, PATH: path } };
  return new Promise((resolve) => {
    // Its exit status is that of a state other than "running".
    execFile('systemctl', ['is-system-running'], options, (_error, stdout) => {
      resolve(stdout.trim() === 'stopping');
    });
  });
}
