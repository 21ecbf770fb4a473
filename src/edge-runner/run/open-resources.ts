import { join } from 'node:path';
import type { Logger } from 'pino';
import { CriClient } from '../cri/cri-client.ts';
import { GrpcChannel } from '../cri/grpc-channel.ts';
import { RunnerError } from '../errors.ts';
import { systemClock } from '../pod/clock.ts';
import { Outbox } from '../report/outbox.ts';
import type { PullStore } from '../store/copied-pulls.ts';
import type { EdgeStore } from '../store/edge-store.ts';
import { setAside } from '../store/open-store.ts';
import { DesiredState } from '../sync/desired-state.ts';
import { LinuxMounter } from '../volumes/linux-mounter.ts';
import { ensureMemoryDir } from '../volumes/memory-dir.ts';
import { privateMode } from '../volumes/pod-layout.ts';
import { checkRuntime } from './check-runtime.ts';
import { CloudContact } from './cloud-contact.ts';
import { ensureFolder } from './ensure-folder.ts';
import type { LinkCredentials } from './link-credentials.ts';
import { openCredentials } from './open-credentials.ts';
import { openSiteStore, storeName } from './open-site-store.ts';
import type { RunOptions } from './run-options.ts';

export interface RunnerDependencies {
  log: Logger;
  environment: Record<string, string | undefined>;
  /** Aborts when the runner is asked to end. */
  signal: AbortSignal;
}

/** What a runner holds open as long as it runs. */
export interface Resources {
  credentials: LinkCredentials;
  channel: GrpcChannel;
  cri: CriClient;
  storeFile: string;
  store: EdgeStore;
  /** Where image pulls are kept. */
  pulls: PullStore;
  outbox: Outbox;
  state: DesiredState;
  cloud: CloudContact;
}

interface Opening {
  /** Aborted when the store is of no use any more, with the reason. */
  damage: AbortController;
  /** Told how to close what was opened; what comes last is to be closed first. */
  closers: (() => unknown)[];
}

/**
 * Opens identity, runtime, folders and store, in this order: nothing is kept of a device that has no
 * identity or no runtime.
 * @throws RunnerError, JoinError or CriError
 */
export async function openResources(
  options: RunOptions,
  { log, environment }: Pick<RunnerDependencies, 'log' | 'environment'>,
  { damage, closers }: Opening,
): Promise<Resources> {
  const credentials = await openCredentials(options, environment, log);
  const channel = new GrpcChannel({ socketPath: options.containerdSocket });
  closers.push(() => channel.close());
  const cri = new CriClient(channel);
  await checkRuntime(cri, log);
  await ensureFolder('--log-dir', options.logRoot);
  await ensureFolder('--memory-dir', options.memoryDir, privateMode);
  const storeFile = join(options.stateDir, storeName);
  await ensureMemoryDir(options.memoryDir, new LinuxMounter());
  const onEnd = (error: RunnerError): void => {
    damage.abort(error);
  };
  const opening = { ...options, storeFile, log, onEnd };
  const { store, pulls } = await openSiteStore(credentials, opening);
  closers.push(() => {
    closeStore(store, storeFile, isDamage(damage.signal.reason), log);
  });
  const outbox = new Outbox(store, log);
  closers.push(() => {
    outbox.close();
  });
  const state = new DesiredState(store);

  const cloud = new CloudContact({
    ...{ file: join(options.stateDir, 'cloud-seen'), log },
    nowMs: () => systemClock.wallMs(),
  });
  closers.push(() => {
    cloud.close();
  });
  return { credentials, channel, cri, storeFile, store, pulls, outbox, state, cloud };
}

function isDamage(reason: unknown): boolean {
  return reason instanceof RunnerError && reason.code === 'STORE_DAMAGED';
}

function closeStore(store: EdgeStore, file: string, isDamaged: boolean, log: Logger): void {
  store.close();
  if (isDamaged) setAside(file);
  log.info({ storeTransactions: store.transactions }, 'the store is closed');
}
