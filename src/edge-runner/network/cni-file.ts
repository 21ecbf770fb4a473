import { execFile } from 'node:child_process';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { CriClient } from '../cri/cri-client.ts';
import { fieldOf, parseJson } from '../cri/json-field.ts';
import { RunnerError } from '../errors.ts';
import { systemCodeOf } from '../join/errors.ts';
import { bridgeName } from './cni-config.ts';
import { networkReadyTimeoutMs } from './limits.ts';

/** Last in libcni's order, so that any other configuration comes before it. */
export const cniConfigName = '99-towline.conflist';

/** At once or not at all, for containerd watches the folder; what libcni reads ends in `.conflist`. @throws RunnerError `FOLDER_UNUSABLE` */
export async function writeConfig(file: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.new`, text, { mode: 0o644 });
    await rename(`${file}.new`, file);
  } catch (cause) {
    throw new RunnerError(
      'FOLDER_UNUSABLE',
      `the CNI configuration ${file} cannot be written (${systemCodeOf(cause) ?? String(cause)}): make its folder writable, or put a configuration of your own there`,
      { cause },
    );
  }
}

/**
 * Waits until containerd has a configuration, which it reads by itself; one that it can't use stays a
 * condition of the Node. containerd before 1.5 doesn't show what it has: there any will do.
 * @throws CriError
 */
export async function untilTaken(
  text: string,
  cri: Pick<CriClient, 'status'>,
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = performance.now() + networkReadyTimeoutMs;
  while (!signal.aborted && performance.now() < deadlineMs) {
    const { status, info } = await cri.status({ verbose: true });
    const isReady = status?.conditions.find(({ type }) => type === 'NetworkReady')?.status === true;
    const taken = sourcesIn(info['cniconfig']);
    if (isReady && (taken === undefined || taken.includes(text))) return;
    await delay(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

const pollMs = 20;

/** Texts of the configurations that containerd has taken: `Networks[].Config.Source` of its CNI library. */
function sourcesIn(cniConfig: string | undefined): string[] | undefined {
  const networks = fieldOf(parseJson(cniConfig), 'Networks');
  if (!Array.isArray(networks)) return undefined;
  return networks.map((network) => String(fieldOf(fieldOf(network, 'Config'), 'Source')));
}

/** A bridge keeps the address of its first range, so that others need a new one. @returns whether it was there */
export async function removeBridge(): Promise<boolean> {
  return promisify(execFile)('ip', ['link', 'delete', bridgeName]).then(
    () => true,
    () => false,
  );
}
