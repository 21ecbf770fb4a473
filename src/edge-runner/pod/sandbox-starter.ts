import type { Pod } from '../../kube/api.ts';
import { podDnsConfig } from '../../kube/dns.ts';
import { podHostname } from '../../kube/hostname.ts';
import type { InputOf } from '../cri/proto-message.ts';
import type { PodSandboxConfig } from '../cri/sandbox-messages.ts';
import type { PodContext } from './pod-context.ts';
import { sandboxConfig } from './sandbox-config.ts';

/** Domain of the cluster's DNS names. */
export const clusterDomain = 'cluster.local';

/** The sandbox configuration of one attempt; the same whenever it is asked for again. */
export function sandboxConfigOf(
  context: PodContext,
  pod: Pod,
  attempt: number,
): InputOf<typeof PodSandboxConfig> {
  return sandboxConfig(pod, {
    site: context.site,
    attempt,
    hostname: podHostname(pod, clusterDomain).hostname,
    dns: podDnsConfig(pod, context.resolvConf()),
    logRoot: context.logRoot,
    cgroupParent: context.cgroupParent(pod),
  });
}

/** Makes a pod's sandbox. @throws CriError */
export async function startSandbox(context: PodContext, pod: Pod, attempt: number): Promise<void> {
  await context.cri.runPodSandbox({ config: sandboxConfigOf(context, pod, attempt) });
}
