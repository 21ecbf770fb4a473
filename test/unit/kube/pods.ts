import type { Container, ContainerStatus, Pod, PodSpec } from '../../../src/kube/api.ts';

/** A small pod for tests; parts of it can be replaced. */
export function pod(spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name: 'web', namespace: 'shop', uid: 'u-1', ...metadata },
    spec: { containers: [container()], ...spec },
  };
}

export function container(parts: Partial<Container> = {}): Container {
  return { name: 'main', image: 'busybox', ...parts };
}

type State = 'running' | 'waiting' | 'crashed' | number | { waitingAfter: number };

/** A container's status: a number is the exit code of one that ended. */
export function status(
  name: string,
  state: State,
  parts: Partial<ContainerStatus> = {},
): ContainerStatus {
  return {
    name,
    ready: state === 'running',
    restartCount: 0,
    image: 'busybox',
    imageID: 'sha256:1',
    lastState: {},
    ...statesOf(state),
    ...parts,
  };
}

function statesOf(state: State): Pick<ContainerStatus, 'state'> & Partial<ContainerStatus> {
  if (state === 'running') return { state: { running: {} } };
  if (state === 'waiting') return { state: { waiting: { reason: 'ContainerCreating' } } };
  if (state === 'crashed') return statesOf({ waitingAfter: 1 });
  if (typeof state === 'number') {
    return { state: { terminated: { exitCode: state } }, ready: state === 0 };
  }
  return {
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: state.waitingAfter } },
  };
}
