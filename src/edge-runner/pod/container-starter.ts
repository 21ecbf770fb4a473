import type { ConfigMap, Container, Pod, Secret } from '../../kube/api.ts';
import { expandCommand } from '../../kube/command.ts';
import { resolveEnvironment, type EnvironmentEntry } from '../../kube/env.ts';
import { podHostname } from '../../kube/hostname.ts';
import { hostsFileContent } from '../../kube/hosts-file.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import { serviceVariables } from '../../kube/service-env.ts';
import type { Mount } from '../cri/container-messages.ts';
import { CriError, isRuntimeGone } from '../cri/cri-error.ts';
import { HostError } from '../host/host-error.ts';
import type { InputOf } from '../cri/proto-message.ts';
import type { UserNamespace } from '../cri/security-messages.ts';
import { containerConfig } from './container-config.ts';
import { readEnvFiles } from './env-files.ts';
import type { PodEvents } from './event-recorder.ts';
import { newestContainer, type ObservedPod, type ObservedSandbox } from './observed.ts';
import { fieldContext, type PodContext } from './pod-context.ts';
import type { PodHealth } from './pod-health.ts';
import { PodProblem, type PodProblemReason } from './pod-problem.ts';
import { stopContainer } from './pod-stopper.ts';
import { sandboxConfigOf, userNamespaceOf } from './sandbox-starter.ts';
import { volumeMounts } from './volume-mounts.ts';

export interface StartRequest {
  pod: Pod;
  container: Container;
  attempt: number;
  sandbox: ObservedSandbox;
  observed: ObservedPod;
  events: PodEvents;
  health: PodHealth;
  graceSeconds: () => number;
  signal: AbortSignal;
}

/**
 * Pulls the image where needed, makes the container, starts it and runs its postStart hook.
 * @throws PodProblem with the reason a kubelet would show; CriError when the runtime is away;
 *   the signal's reason when it aborts before the container is made.
 */
export async function startContainer(context: PodContext, request: StartRequest): Promise<void> {
  const { pod, container, attempt, sandbox, events, signal } = request;
  const targetId = targetOf(request);
  await holdToBandwidth(context, request);
  const secrets = pullSecrets(context, request);
  const image = await context.images.ensure({ ...request, secrets });
  signal.throwIfAborted();
  const { env, command, args } = await environment(context, request);
  const userNamespace = await usersOf(context, pod);
  const terminationMessageFile = await context.files.createTerminationLog(pod, container.name);
  const mounts = [
    ...(await volumeMounts(context, { ...request, secrets }, env)),
    ...(await ownMounts(context, request, terminationMessageFile)),
  ];
  const config = byTheRules(() =>
    containerConfig(pod, container, {
      ...{ site: context.site, attempt, image, command, args, env, mounts },
      terminationMessageFile,
      nodeMemoryBytes: context.node.memoryBytes,
      hugePageSizes: context.hugePageSizes,
      ...{ targetId, userNamespace },
      ...{ seccompRoot: context.seccompRoot, hotPaths: context.hotPaths },
    }),
  );
  signal.throwIfAborted();
  const { containerId } = await asProblem('CreateContainerError', () =>
    context.cri.createContainer({
      podSandboxId: sandbox.id,
      config,
      sandboxConfig: sandboxConfigOf(context, pod, { attempt: sandbox.attempt, userNamespace }),
    }),
  );
  events.record('Normal', 'Created', 'Container created', container.name);
  await asProblem('RunContainerError', () => context.cri.startContainer({ containerId }));
  events.record('Normal', 'Started', 'Container started', container.name);
  await runPostStart(context, request, containerId);
}

/** Done with the sandbox already, unless the runner ended between the two. */
async function holdToBandwidth(
  { bandwidth }: PodContext,
  { pod, sandbox, signal }: StartRequest,
): Promise<void> {
  try {
    await bandwidth.limit(pod, sandbox.id, signal);
  } catch (error) {
    if (!(error instanceof HostError) && !(error instanceof KubeRuleError)) throw error;
    throw new PodProblem('CreateContainerError', error.message, { cause: error });
  }
}

/** The namespace that the sandbox has. @throws PodProblem `CreateContainerConfigError` */
async function usersOf(
  context: PodContext,
  pod: Pod,
): Promise<InputOf<typeof UserNamespace> | undefined> {
  try {
    return await userNamespaceOf(context, pod);
  } catch (error) {
    if (!(error instanceof HostError) && !(error instanceof KubeRuleError)) throw error;
    throw new PodProblem('CreateContainerConfigError', error.message, { cause: error });
  }
}

/** The running container that an ephemeral one names, if it does. */
function targetOf({ pod, container, observed }: StartRequest): string | undefined {
  const ephemeral = pod.spec.ephemeralContainers?.find(({ name }) => name === container.name);
  const { targetContainerName = '' } = ephemeral ?? {};
  if (targetContainerName === '') return undefined;
  const target = newestContainer(observed, targetContainerName);
  if (target?.state === 'running') return target.id;
  const problem = `unable to find target container ${targetContainerName}`;
  throw new PodProblem('CreateContainerConfigError', problem);
}

/** Kubelet: a container whose hook fails is killed; why it failed may be a secret, so no event says it. */
async function runPostStart(context: PodContext, request: StartRequest, id: string): Promise<void> {
  const { pod, health, events, signal, graceSeconds } = request;
  const { name } = request.container;
  const problem = await health.afterStart(pod, { id, name }, signal);
  if (problem === undefined || signal.aborted) return;
  events.record('Warning', 'FailedPostStartHook', 'PostStartHook failed', name);
  events.record('Normal', 'Killing', 'FailedPostStartHook', name);
  await stopContainer(context, request, { id, name, state: 'running' }, graceSeconds());
  throw new PodProblem('PostStartHookError', problem);
}

/** Kubelet: a pull may well succeed without one that is missing. */
function pullSecrets(context: PodContext, { pod, events }: StartRequest): Secret[] {
  const { namespace = '' } = pod.metadata;
  const found: Secret[] = [];
  const missing: string[] = [];
  for (const { name = '' } of pod.spec.imagePullSecrets ?? []) {
    const secret = context.objects.secret(namespace, name);
    if (secret === undefined) missing.push(name);
    else found.push(secret);
  }
  if (missing.length > 0) {
    const message = `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`;
    events.record('Warning', 'FailedToRetrieveImagePullSecret', message);
  }
  return found;
}

async function environment(
  context: PodContext,
  { pod, container, sandbox, events }: StartRequest,
): Promise<{ env: EnvironmentEntry[]; command: string[]; args: string[] }> {
  const namespace = pod.metadata.namespace ?? '';
  const file = await readEnvFiles(context.volumes, pod, container);
  const { env, warnings } = byTheRules(() =>
    resolveEnvironment({
      pod,
      container,
      configMap: (name): ConfigMap | undefined => context.objects.configMap(namespace, name),
      secret: (name): Secret | undefined => context.objects.secret(namespace, name),
      context: fieldContext(context, podAddresses(context, pod, sandbox)),
      ...{ services: servicesOf(context, pod), file },
    }),
  );
  for (const { reason, message } of warnings) {
    events.record('Warning', reason, message, container.name);
  }
  return { env, ...byTheRules(() => expandCommand(container, env)) };
}

/** Kubelet: the way to the API server is in every environment, that to the others where it is wanted. */
function servicesOf({ objects }: PodContext, { metadata, spec }: Pod): Record<string, string> {
  const { namespace = '' } = metadata;
  const wanted = spec.enableServiceLinks !== false;
  return serviceVariables([
    ...objects.serviceLinks('default', 'kubernetes'),
    ...(wanted ? objects.serviceLinks(namespace, 'services') : []),
  ]);
}

/** What Kubernetes' rules refuse is a mistake in the container's configuration. */
function byTheRules<T>(apply: () => T): T {
  try {
    return apply();
  } catch (error) {
    if (!(error instanceof KubeRuleError)) throw error;
    throw new PodProblem('CreateContainerConfigError', error.message, { cause: error });
  }
}

/** What every container has besides its volumes. */
async function ownMounts(
  context: PodContext,
  { pod, container, sandbox }: StartRequest,
  terminationMessageFile: string,
): Promise<InputOf<typeof Mount>[]> {
  const messagePath = container.terminationMessagePath ?? '/dev/termination-log';
  const message = { containerPath: messagePath, hostPath: terminationMessageFile };
  const taken = container.volumeMounts?.some(({ mountPath }) => mountPath === '/etc/hosts');
  if (taken === true) return [message];
  return [
    { containerPath: '/etc/hosts', hostPath: await hostsFile(context, pod, sandbox) },
    message,
  ];
}

function hostsFile(context: PodContext, pod: Pod, sandbox: ObservedSandbox): Promise<string> {
  const podIPs = podAddresses(context, pod, sandbox);
  const content = hostsFileContent({
    podIPs,
    ...podHostname(pod, context.clusterDns.domain),
    hostAliases: pod.spec.hostAliases,
    ...(pod.spec.hostNetwork === true ? { nodeHostsFile: context.nodeHostsFile() } : {}),
  });
  return context.files.writeHosts(pod, content);
}

/** Addresses of a pod: with host networking those of the device. */
export function podAddresses(
  context: PodContext,
  pod: Pod,
  sandbox: ObservedSandbox | undefined,
): string[] {
  if (pod.spec.hostNetwork === true) return context.node.hostIPs.slice(0, 1);
  return sandbox?.ips ?? [];
}

/** A kubelet shows the runtime's own words; a runtime that is away is nobody's problem but its own. */
async function asProblem<T>(reason: PodProblemReason, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof CriError) || isRuntimeGone(error)) throw error;
    throw new PodProblem(reason, error.detail, { cause: error });
  }
}
