import { ContainerdEvents } from '../containerd/containerd-events.ts';
import { spareMemory } from '../host/spare-memory.ts';
import type { PodNetwork } from '../network/pod-network.ts';
import type { NodeReporter } from '../node/node-reporter.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import { logChecks } from '../preflight/log-checks.ts';
import type { StaticPods } from '../static-pods/static-pods.ts';
import { runnerVersion } from '../version.ts';
import type { CloudContact } from './cloud-contact.ts';
import type { Upkeep } from './create-upkeep.ts';
import type { DesiredPods } from './desired-pods.ts';
import { informSystemd } from './inform-systemd.ts';
import { keepInOrder } from './keep-in-order.ts';
import type { Link } from './link.ts';
import type { Resources, RunnerDependencies } from './open-resources.ts';
import type { RunOptions } from './run-options.ts';
import { shutDownWhenAsked } from './shut-down.ts';
import { watchNode, watchRuntime } from './watch-runtime.ts';

/** What of a runner has something to do by itself. */
export interface Parts {
  network: PodNetwork;
  node: NodeReporter;
  pods: PodManager;
  statics: StaticPods;
  desired: DesiredPods;
  upkeep: Upkeep;
  link: Link;
}

interface Life {
  /** Ends all that the runner does. */
  stop: () => void;
  /** Aborts when that is to end. */
  signal: AbortSignal;
}

/** How often the runtime is asked for its conditions. */
const nodeCheckIntervalMs = 30_000;

/** Starts pods and link, and keeps them going until the signal aborts. @throws CriError, RunnerError */
export async function keepRunning(
  options: RunOptions,
  { log, environment, signal: asked }: RunnerDependencies,
  { credentials: { identity }, channel, cri, state, cloud }: Resources,
  { network, node, pods, statics, desired, upkeep, link }: Parts,
  { stop, signal }: Life,
): Promise<void> {
  const site = `${identity.tenant}/${identity.site}`;
  log.info({ site, version: runnerVersion, pods: state.pods().length }, 'the runner is up');
  await upkeep.eviction.look();
  await statics.load();
  await desired.start();
  const { drain, shutdownGrace: grace, logRoot } = options;
  await Promise.all([
    link.run(signal),
    watchRuntime({ events: new ContainerdEvents(channel), pods, node, log }, signal),
    watchNode({ node, network }, nodeCheckIntervalMs, signal),
    statics.run(signal),
    keepInOrder({ ...upkeep, cri, pods, desired, logRoot, log }, signal),
    spareMemory(signal),
    informSystemd(environment, () => `site ${site}, ${linkText(cloud)}`, signal),
    logChecks(options, log),
    shutDownWhenAsked({ asked, stop, drain, grace, pods, node, log }, signal),
  ]);
  await desired.stopped();
  await pods.stopped();
}

function linkText({ view }: CloudContact): string {
  return view.connected ? 'connected' : `not connected: ${view.error ?? 'not tried yet'}`;
}
