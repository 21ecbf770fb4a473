import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { notifyTimeoutMs } from './limits.ts';

const run = promisify(execFile);

/** What the runner reads of the environment that systemd gives it, sd_notify(3) and sd_watchdog_enabled(3). */
type ServiceEnvironment = Record<string, string | undefined>;

/**
 * Tells systemd that the runner is up, keeps its watchdog quiet, and says when the runner ends; does
 * nothing where systemd doesn't wait for it. `status` is what "systemctl status" shows. An event loop
 * that is stuck lets the watchdog bite.
 *
 * By the program systemd-notify, since neither Node nor Bun has datagram sockets in the file system.
 */
export async function informSystemd(
  environment: ServiceEnvironment,
  status: () => string,
  signal: AbortSignal,
): Promise<void> {
  if (environment['NOTIFY_SOCKET'] === undefined) return;
  const notify = (word: string): Promise<void> => send(environment, [word, `STATUS=${status()}`]);
  await notify('READY=1');
  const pauseMs = watchdogPauseMs(environment);
  while (pauseMs !== undefined && !signal.aborted) {
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await notify('WATCHDOG=1');
  }
  if (signal.aborted) await notify('STOPPING=1');
}

/** A third of what systemd allows, so that one notice may get lost; undefined without a watchdog for this process. */
function watchdogPauseMs(environment: ServiceEnvironment): number | undefined {
  const { WATCHDOG_USEC: limit, WATCHDOG_PID: pid } = environment;
  const isForUs = pid === undefined || pid === String(process.pid);
  const limitMs = Number(limit) / 1000;
  return isForUs && limitMs > 0 ? limitMs / 3 : undefined;
}

/** Never rejects: a service manager that can't be told must not end the runner. */
async function send(environment: ServiceEnvironment, words: string[]): Promise<void> {
  const options = { env: environment, timeout: notifyTimeoutMs };
  await run('systemd-notify', words, options).catch(() => undefined);
}
