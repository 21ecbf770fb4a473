import { allStatuses, statusNamed } from '../../kube/container-status.ts';
import { newestSandbox, type ObservedContainer, type ObservedSandbox } from '../pod/observed.ts';
import { containerNamed } from '../pod/pod-containers.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import type { PodWorker } from '../pod/pod-worker.ts';
import { StreamRefusal } from './stream-refusal.ts';

interface PodName {
  namespace: string;
  pod: string;
  podUid?: string | undefined;
}

interface ContainerName extends PodName {
  container: string;
}

/** The container that runs now. @throws StreamRefusal of this status, with a kubelet's words, when there is none. */
export function findRunning(
  pods: PodManager,
  name: ContainerName,
  status = 404,
): ObservedContainer {
  const worker = findPod(pods, name);
  const found = worker.observed.containers.find(
    (container) => container.name === name.container && container.state === 'running',
  );
  if (found !== undefined) return found;
  throw new StreamRefusal(
    status,
    `container not found ("${name.container}"): it isn't running in pod ${name.pod}_${name.namespace}`,
  );
}

/**
 * The instance whose log is asked for: the newest, or the one before it.
 * @throws StreamRefusal as a kubelet's `validateContainerLogStatus` does.
 */
export function findLogged(
  pods: PodManager,
  name: ContainerName,
  previous: boolean,
): ObservedContainer {
  const worker = findPod(pods, name);
  const title = `container "${name.container}" in pod "${name.pod}"`;
  if (containerNamed(worker.pod, name.container) === undefined) {
    throw new StreamRefusal(
      400,
      `container "${name.container}" is not valid for pod "${name.pod}"`,
    );
  }
  const instances = worker.observed.containers.filter(
    (container) => container.name === name.container && container.state !== 'created',
  );
  const current = instances[0];
  const found = previous
    ? instances.find((container) => container.state === 'exited' && container !== current)
    : current;
  if (found !== undefined) return found;
  if (previous) throw new StreamRefusal(400, `previous terminated ${title} not found`);
  throw new StreamRefusal(400, `${title} is waiting to start: ${waitingReason(worker, name)}`);
}

function waitingReason(worker: PodWorker, name: ContainerName): string {
  const statuses = allStatuses(worker.status);
  const reason = statusNamed(statuses, name.container)?.state.waiting?.reason;
  if (reason === 'ErrImagePull') return "image can't be pulled";
  if (reason === 'ImagePullBackOff') return 'trying and failing to pull image';
  return reason ?? 'ContainerCreating';
}

/** The pod's sandbox. @throws StreamRefusal */
export function findSandbox(pods: PodManager, name: PodName): ObservedSandbox {
  const sandbox = newestSandbox(findPod(pods, name).observed);
  if (sandbox?.ready === true) return sandbox;
  throw new StreamRefusal(404, `pod ${name.pod}_${name.namespace} isn't running`);
}

function findPod(pods: PodManager, name: PodName): PodWorker {
  const worker = pods.find(name.namespace, name.pod, name.podUid);
  if (worker !== undefined) return worker;
  throw new StreamRefusal(
    404,
    `pod "${name.pod}" in namespace "${name.namespace}" is not known at this site (yet)`,
  );
}
