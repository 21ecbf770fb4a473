import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { CriClient } from '../cri/cri-client.ts';
import { CriError } from '../cri/cri-error.ts';
import { RunnerError } from '../errors.ts';
import { systemCodeOf } from '../join/errors.ts';

/** How long containerd may take to say its version. */
const answerTimeoutMs = 5_000;

/** How soon one that has not begun to serve is asked again. */
const askAgainMs = 100;

/** After how long the log says what is waited for. */
const progressAfterMs = 2_000;

/**
 * Makes sure that there is a container runtime with CRI. After a boot containerd answers some time
 * before its CRI does ("server is not initialized yet"): that is waited for.
 * @throws RunnerError `RUNTIME_UNAVAILABLE`
 */
export async function checkRuntime(cri: CriClient, log: Logger): Promise<void> {
  const progress = setTimeout(() => {
    log.info('waiting for containerd');
  }, progressAfterMs);
  try {
    await askVersion(cri);
  } catch (cause) {
    if (!(cause instanceof CriError)) throw cause;
    const { found, remedy } = runtimeTrouble(cause);
    throw new RunnerError('RUNTIME_UNAVAILABLE', `${found}: ${remedy}`, { cause });
  } finally {
    clearTimeout(progress);
  }
}

async function askVersion(cri: CriClient): Promise<void> {
  const deadlineMs = performance.now() + answerTimeoutMs;
  for (;;) {
    try {
      await cri.version({}, { timeoutMs: answerTimeoutMs });
      return;
    } catch (error) {
      if (!isStarting(error) || performance.now() > deadlineMs) throw error;
    }
    await delay(askAgainMs);
  }
}

/** containerd 1 says so by `UNKNOWN`, later versions by `UNAVAILABLE`. */
function isStarting(error: unknown): boolean {
  if (!(error instanceof CriError) || !error.answered) return false;
  return error.code === 'UNKNOWN' || error.code === 'UNAVAILABLE';
}

/** What is wrong with the runtime, and what to do. */
export function runtimeTrouble(error: CriError): { found: string; remedy: string } {
  const { code, answered, socketPath: socket } = error;
  const elsewhere = 'or say with --containerd where its socket is';
  if (code === 'NO_CRI' && answered) {
    return {
      found: `containerd at ${socket} has no CRI v1`,
      remedy:
        'take "cri" out of disabled_plugins in its config.toml and restart it; version 1.6 or newer is needed',
    };
  }
  if (code === 'NO_CRI') {
    return {
      found: `${socket} is not containerd's socket`,
      remedy: 'say with --containerd which is',
    };
  }
  if (code === 'DEADLINE_EXCEEDED') {
    return {
      found: `${socket} does not answer within ${answerTimeoutMs / 1000} s`,
      remedy: `look after containerd ("systemctl status containerd"), ${elsewhere}`,
    };
  }
  if (code !== 'UNAVAILABLE' || answered) {
    return { found: error.message, remedy: 'look into the log of containerd' };
  }
  const reason = systemCodeOf(error.cause) ?? error.detail;
  const missing = reason === 'ENOENT' ? 'there is no containerd at' : 'no containerd answers at';
  return {
    found: `${missing} ${socket} (${reason})`,
    remedy: `install and start it ("systemctl start containerd"), ${elsewhere}`,
  };
}
