import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { nodeNameOf } from '../../kube/site.ts';
import { ContainerdEvents } from '../containerd/containerd-events.ts';
import { CriClient } from '../cri/cri-client.ts';
import { CriError } from '../cri/cri-error.ts';
import { GrpcChannel } from '../cri/grpc-channel.ts';
import { RunnerError } from '../errors.ts';
import { readHostFacts } from '../host/host-facts.ts';
import { loadIdentity } from '../join/identity-dir.ts';
import { NodeReporter } from '../node/node-reporter.ts';
import { PodManager } from '../pod/pod-manager.ts';
import { Outbox } from '../report/outbox.ts';
import { ReportClient } from '../report/report-client.ts';
import { SqliteStore } from '../store/sqlite-store.ts';
import { StreamServer } from '../streams/stream-server.ts';
import { DesiredState } from '../sync/desired-state.ts';
import { SyncClient } from '../sync/sync-client.ts';
import { runnerVersion } from '../version.ts';
import { createPodContext } from './create-pod-context.ts';
import { Link } from './link.ts';
import type { RunOptions } from './run-options.ts';
import { watchNode, watchRuntime } from './watch-runtime.ts';

interface RunnerDependencies {
  log: Logger;
  environment: Record<string, string | undefined>;
  signal: AbortSignal;
}

/** How often the runtime is asked for its conditions. */
const nodeCheckIntervalMs = 30_000;

/**
 * Constructs the runner, wires it, and keeps it going until the signal aborts. Pods stay up.
 * @throws RunnerError, JoinError or CriError when it can't start.
 */
export async function runRunner(
  options: RunOptions,
  { log, environment, signal }: RunnerDependencies,
): Promise<void> {
  const now = Date.now;
  const identity = await loadIdentity(options.stateDir);
  const channel = new GrpcChannel({ socketPath: options.containerdSocket });
  const cri = new CriClient(channel);
  await checkRuntime(cri);
  await mkdir(options.logRoot, { recursive: true });
  const store = new SqliteStore(join(options.stateDir, 'store.db'));
  const outbox = new Outbox(store);
  const state = new DesiredState(store);

  const facts = await readHostFacts();
  const node = await NodeReporter.create({
    ...{ cri, facts, runnerVersion, stateDir: options.stateDir },
    onChange: () => {
      report.nodeChanged();
    },
  });
  const report = new ReportClient({ outbox, nodeReport: () => node.report });
  const context = await createPodContext({
    ...{ ...options, cri, store, outbox, log, now, objects: state },
    requestToken: (pod, projection) => report.requestToken(pod, projection),
    node: {
      nodeName: nodeNameOf({ name: identity.site, tenant: identity.tenant }),
      hostname: facts.hostname,
      hostIPs: facts.addresses.map(({ address }) => address),
      memoryBytes: facts.memoryBytes,
      allocatable: node.report.allocatable,
    },
  });
  const pods = new PodManager({ context, lastStatus: (uid) => outbox.lastStatus(uid) }, signal);
  const sync = new SyncClient({
    state,
    runnerVersion,
    onChange: (kinds) => {
      pods.setDesired(state.pods(), kinds.has('ConfigMap') || kinds.has('Secret'));
    },
    onInSync: () => {
      log.debug({ pods: state.pods().length }, 'the desired state is up to date');
    },
  });
  const streams = new StreamServer({ pods, cri, log });
  const link = new Link({ ...{ identity, environment, sync, report, streams, log } });

  const site = `${identity.tenant}/${identity.site}`;
  log.info({ site, version: runnerVersion, pods: state.pods().length }, 'the runner is up');
  pods.setDesired(state.pods(), false);
  await pods.removeOrphans();
  await Promise.all([
    link.run(signal),
    watchRuntime({ events: new ContainerdEvents(channel), pods, node, log }, signal),
    watchNode(node, nodeCheckIntervalMs, signal),
  ]);
  await pods.stopped();
  outbox.close();
  store.close();
  await channel.close();
}

async function checkRuntime(cri: CriClient): Promise<void> {
  try {
    await cri.version({}, { timeoutMs: 5_000 });
  } catch (cause) {
    if (!(cause instanceof CriError)) throw cause;
    throw new RunnerError('RUNTIME_UNAVAILABLE', cause.message, { cause });
  }
}
