import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CriClient } from '../cri/cri-client.ts';
import { CriError } from '../cri/cri-error.ts';
import { GrpcChannel } from '../cri/grpc-channel.ts';
import { RunnerError } from '../errors.ts';
import { runOnHost } from '../host/run-on-host.ts';
import { defaultCniSettings, readCniSettings, type CniSettings } from '../network/cni-settings.ts';
import { removePodNetwork } from '../network/remove-pod-network.ts';
import { runtimeTrouble } from '../run/check-runtime.ts';
import type { RunOptions } from '../run/run-options.ts';
import { LinuxMounter } from '../volumes/linux-mounter.ts';
import { tearDown } from '../volumes/pod-teardown.ts';
import { unitPath } from './install.ts';
import { installedProgram } from './own-program.ts';
import { listPods, removePods } from './remove-pods.ts';
import type { ServiceManager } from './systemd.ts';
import { environmentFile, unitName } from './unit-file.ts';

export interface UninstallOptions {
  /** `/`, or the folder of another system's files. */
  root: string;
  /** Whether that system is the one that runs. */
  isLive: boolean;
  run: Pick<RunOptions, 'stateDir' | 'memoryDir' | 'logRoot' | 'cgroupRoot' | 'containerdSocket'>;
  /** End pods that run; without a container runtime, leave what it has. */
  force: boolean;
  services: ServiceManager;
  say: (line: string) => void;
}

/**
 * Takes away all that install and the runner made: pods, volumes, logs, pod network, identity, store,
 * unit and program. Done again it finds nothing to do.
 * @throws RunnerError `PODS_RUNNING`, `RUNTIME_UNAVAILABLE` before anything was changed; CriError,
 *   VolumeError
 */
export async function uninstall(options: UninstallOptions): Promise<void> {
  const { root, run, services, say } = options;
  if (options.isLive) await removeFromRuntime(options);
  else await disable(options);
  const mount = new LinuxMounter();
  for (const path of [run.stateDir, run.memoryDir].map((dir) => join(root, dir))) {
    if (!(await isThere(path))) continue;
    await tearDown([path], mount);
    say(`removed ${path}`);
  }
  const unit = unitPath(root);
  const files = [
    unit,
    `${unit}.d`,
    ...[environmentFile, installedProgram].map((f) => join(root, f)),
  ];
  for (const path of files) {
    if (!(await isThere(path))) continue;
    await rm(path, { recursive: true });
    say(`removed ${path}`);
  }
  await services.reload();
  say('Next: delete the Site where you have kubectl, and its node goes with it');
}

/** The runner is stopped before its pods, or it would start them again. */
async function removeFromRuntime(options: UninstallOptions): Promise<void> {
  const { run, force, say } = options;
  const channel = new GrpcChannel({ socketPath: run.containerdSocket });
  try {
    const cri = new CriClient(channel);
    const running = (await listPods(cri)).filter((pod) => pod.running);
    if (running.length > 0 && !force) throw podsRunning(running);
    await disable(options);
    const pods = await listPods(cri);
    await removePods(cri, pods, run);
    if (pods.length > 0) say(`ended and removed ${pods.length} pod${pods.length === 1 ? '' : 's'}`);
    await removeNetwork(await readCniSettings(cri), say);
  } catch (error) {
    if (!(error instanceof CriError) || !isUnreachable(error)) throw error;
    if (!force) throw unreachable(error);
    await disable(options);
    await removeNetwork(defaultCniSettings, say);
    say('containerd does not answer: what it has of the pods is left there');
  } finally {
    await channel.close();
  }
}

async function removeNetwork(settings: CniSettings, say: UninstallOptions['say']): Promise<void> {
  const { removed, left } = await removePodNetwork(settings, runOnHost);
  for (const what of removed) say(`removed ${what}`);
  for (const what of left) say(what);
}

async function disable({ root, services, say }: UninstallOptions): Promise<void> {
  if (!(await isThere(unitPath(root)))) return;
  await services.disable(unitName);
  say(`stopped and disabled ${unitName}`);
}

function isUnreachable({ code, answered }: CriError): boolean {
  return !answered && (code === 'UNAVAILABLE' || code === 'NO_CRI' || code === 'DEADLINE_EXCEEDED');
}

function unreachable(cause: CriError): RunnerError {
  const { found, remedy } = runtimeTrouble(cause);
  return new RunnerError(
    'RUNTIME_UNAVAILABLE',
    `${found}, so pods that it has cannot be ended: ${remedy}; --force leaves them there`,
    { cause },
  );
}

function podsRunning(running: readonly { namespace: string; name: string }[]): RunnerError {
  const names = running.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
  return new RunnerError(
    'PODS_RUNNING',
    `${running.length === 1 ? '1 pod runs' : `${running.length} pods run`} here (${names}): delete them or the Site first, or give --force to end them`,
  );
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
