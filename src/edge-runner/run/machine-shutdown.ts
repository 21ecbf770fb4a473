import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';

/** How long systemd may take to say; it is busy then. */
const answerTimeoutMs = 3_000;

/** Whether systemd is shutting the whole machine down, not only this service. */
export function isMachineGoingDown(): Promise<boolean> {
  if (!existsSync('/run/systemd/system')) return Promise.resolve(false);
  return new Promise((resolve) => {
    // Its exit status is that of a state other than "running".
    execFile('systemctl', ['is-system-running'], { timeout: answerTimeoutMs }, (_error, stdout) => {
      resolve(stdout.trim() === 'stopping');
    });
  });
}
