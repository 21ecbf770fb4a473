import type { Pod } from '../../kube/api.ts';
import { podDns, type PodDns } from '../../kube/dns.ts';
import { kernelHostname } from '../../kube/hostname.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import { HostError } from '../host/host-error.ts';
import type { InputOf } from '../cri/proto-message.ts';
import type { PodSandboxConfig } from '../cri/sandbox-messages.ts';
import type { UserNamespace } from '../cri/security-messages.ts';
import type { PodEvents } from './event-recorder.ts';
import type { PodContext } from './pod-context.ts';
import { PodProblem } from './pod-problem.ts';
import { sandboxConfig, type SandboxContext } from './sandbox-config.ts';

/**
 * The user namespace of a pod that has one of its own.
 * @throws HostError `USER_NAMESPACE_UNAVAILABLE`; KubeRuleError `CONFIG_ERROR` when the device doesn't
 *   know the pod's RuntimeClass (yet).
 */
export async function userNamespaceOf(
  context: PodContext,
  pod: Pod,
): Promise<InputOf<typeof UserNamespace> | undefined> {
  if (pod.spec.hostUsers !== false) return undefined;
  return context.userNamespaces.of(pod, handlerOf(context, pod));
}

/**
 * The sandbox configuration of one attempt; the same whenever it is asked for again.
 * @throws KubeRuleError `CONFIG_ERROR` when the pod's name for itself is too long.
 */
export function sandboxConfigOf(
  context: PodContext,
  pod: Pod,
  { attempt, userNamespace }: Pick<SandboxContext, 'attempt' | 'userNamespace'>,
): InputOf<typeof PodSandboxConfig> {
  return sandboxConfig(pod, {
    site: context.site,
    ...{ attempt, userNamespace },
    hostname: kernelHostname(pod, context.clusterDns.domain),
    dns: dnsOf(context, pod).config,
    logRoot: context.logRoot,
    cgroupParent: context.cgroups.parentOf(pod),
  });
}

function dnsOf({ resolvConf, clusterDns }: PodContext, pod: Pod): PodDns {
  return podDns(pod, resolvConf(), clusterDns);
}

/**
 * Makes a pod's sandbox in its cgroup.
 * @throws CriError, HostError, PodProblem `FailedCreatePodContainer`, and as `sandboxConfigOf`; the
 * signal's reason
 */
export async function startSandbox(
  context: PodContext,
  { pod, attempt, events, signal }: SandboxRequest,
): Promise<void> {
  const { bandwidth, cgroups, cri, placed } = context;
  for (const warning of dnsOf(context, pod).warnings) {
    events.record('Warning', 'DNSConfigForming', warning);
  }
  const userNamespace = await userNamespaceOf(context, pod);
  const config = sandboxConfigOf(context, pod, { attempt, userNamespace });
  await inPodCgroup(cgroups.limit(pod, placed.pods(), pod, signal));
  const runtimeHandler = handlerOf(context, pod);
  const { podSandboxId } = await cri.runPodSandbox({ config, runtimeHandler });
  try {
    await bandwidth.limit(pod, podSandboxId, signal);
  } catch (error) {
    await bandwidth.lift(podSandboxId);
    await cri.stopPodSandbox({ podSandboxId });
    await cri.removePodSandbox({ podSandboxId });
    throw error;
  }
}

/** A kubelet calls a pod's cgroup its container. @throws PodProblem `FailedCreatePodContainer` */
async function inPodCgroup(limited: Promise<void>): Promise<void> {
  try {
    await limited;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const message = `unable to ensure pod container exists: ${error.message}`;
    throw new PodProblem('FailedCreatePodContainer', message, { cause: error });
  }
}

interface SandboxRequest {
  pod: Pod;
  attempt: number;
  events: PodEvents;
  signal: AbortSignal;
}

/** @throws KubeRuleError `CONFIG_ERROR` when the device doesn't know the pod's RuntimeClass (yet). */
function handlerOf({ objects }: PodContext, { spec: { runtimeClassName = '' } }: Pod): string {
  if (runtimeClassName === '') return '';
  const found = objects.runtimeClass(runtimeClassName);
  if (found !== undefined) return found.handler;
  throw new KubeRuleError('CONFIG_ERROR', `RuntimeClass "${runtimeClassName}" not found`);
}
