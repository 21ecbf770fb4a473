import type { Container, Pod, PodSpec } from '../../../../src/kube/api.ts';
import { containerHash } from '../../../../src/edge-runner/pod/container-hash.ts';
import type {
  ObservedContainer,
  ObservedPod,
  ObservedSandbox,
} from '../../../../src/edge-runner/pod/observed.ts';

export const web: Container = { name: 'web', image: 'web:1' };

export function makePod(spec: Partial<PodSpec> = {}): Pod {
  return {
    metadata: { name: 'shop', namespace: 'berlin', uid: 'uid-1' },
    spec: { containers: [web], restartPolicy: 'Always', ...spec },
  };
}

export function makeSandbox(fields: Partial<ObservedSandbox> = {}): ObservedSandbox {
  return { id: 's0', ready: true, attempt: 0, createdAtMs: 0, ips: ['10.0.0.2'], ...fields };
}

export function makeContainer(fields: Partial<ObservedContainer> = {}): ObservedContainer {
  const name = fields.name ?? 'web';
  const attempt = fields.attempt ?? 0;
  return {
    id: `${name}-${attempt}`,
    sandboxId: 's0',
    name,
    attempt,
    state: 'running',
    image: 'web:1',
    imageId: 'sha256:1',
    hash: containerHash({ ...web, name }),
    createdAtMs: 0,
    endedAtMs: 0,
    startedAt: '2026-01-01T00:00:00Z',
    exitCode: 0,
    reason: '',
    message: '',
    logPath: `/logs/${name}/${attempt}.log`,
    terminationMessageFile: '',
    terminationMessagePolicy: 'File',
    ...fields,
  };
}

export function makeExited(fields: Partial<ObservedContainer> = {}): ObservedContainer {
  return makeContainer({
    state: 'exited',
    endedAtMs: 1_000,
    finishedAt: '2026-01-01T00:00:01Z',
    exitCode: 1,
    reason: 'Error',
    ...fields,
  });
}

export function makeObserved(fields: Partial<ObservedPod> = {}): ObservedPod {
  return { sandboxes: [makeSandbox()], containers: [], settleInMs: undefined, ...fields };
}
