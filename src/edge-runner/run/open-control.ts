import type { Logger } from 'pino';
import { nodeNameOf } from '../../kube/site.ts';
import type { EventReport } from '../../protocol/report.ts';
import { controlApi } from '../control/control-api.ts';
import { controlSocket } from '../control/control-client.ts';
import { ControlServer } from '../control/control-server.ts';
import type { Identity } from '../join/identity.ts';
import type { PodNetwork } from '../network/pod-network.ts';
import type { NodeReporter } from '../node/node-reporter.ts';
import type { PodContext } from '../pod/pod-context.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import type { Outbox } from '../report/outbox.ts';
import { runnerVersion } from '../version.ts';
import type { CloudContact } from './cloud-contact.ts';

interface ControlParts {
  identity: Identity;
  pods: PodManager;
  node: NodeReporter;
  network: PodNetwork;
  outbox: Outbox;
  cloud: CloudContact;
  context: PodContext;
  log: Logger;
}

/** Opens the control socket. Without it all goes on, so that a failure is only logged. */
export async function openControl(
  memoryDir: string,
  parts: ControlParts,
): Promise<ControlServer | undefined> {
  const { identity, pods, node, network, outbox, cloud, context, log } = parts;
  const { site: name, tenant } = identity;
  const handle = controlApi({
    ...{ site: { name, tenant, nodeName: nodeNameOf({ name, tenant }) }, pods, runnerVersion },
    startedAtMs: context.clock.wallMs(),
    cri: context.cri,
    node: () => node.report,
    podNetwork: () => network.view,
    cloud: () => cloud.view,
    unsent: () => ({ pods: outbox.unsentPodCount, events: outbox.unsentEvents.length }),
    logLevel: () => log.level,
    setLogLevel: (level) => {
      log.level = level;
      log.info({ level }, 'the log level was changed');
    },
    events: () => rememberedEvents(context, outbox),
  });
  try {
    return await ControlServer.listen(controlSocket(memoryDir), handle, log);
  } catch (error) {
    log.error({ err: error }, 'the control socket can not be opened');
    return undefined;
  }
}

/** What is not sent yet, also from before the runner started, and what happened since. */
function rememberedEvents(context: PodContext, outbox: Outbox): EventReport[] {
  const all = [...outbox.unsentEvents, ...context.events.recent];
  return [...new Map(all.map((event) => [event.id, event])).values()].sort((a, b) =>
    a.lastTimestamp.localeCompare(b.lastTimestamp),
  );
}
