import t from 'tap';
import { mountMode } from '../../../../src/edge-runner/pod/mount-mode.ts';
import type { VolumeMount } from '../../../../src/kube/api.ts';

const mount: VolumeMount = { name: 'v', mountPath: '/v' };

void t.test('mounts are shared with the device as the pod asks', (t) => {
  const of = (mountPropagation?: string): string =>
    mountMode({ ...mount, ...(mountPropagation ? { mountPropagation } : {}) }, false).propagation;
  t.equal(of(), 'PROPAGATION_PRIVATE');
  t.equal(of('None'), 'PROPAGATION_PRIVATE');
  t.equal(of('HostToContainer'), 'PROPAGATION_HOST_TO_CONTAINER');
  t.equal(of('Bidirectional'), 'PROPAGATION_BIDIRECTIONAL');
  t.throws(() => of('Sideways'), {
    code: 'CONFIG_ERROR',
    message: 'invalid MountPropagation mode: "Sideways"',
  });
  t.end();
});

void t.test('what is mounted below is read-only where that can be had', (t) => {
  const of = (recursiveReadOnly: string, more: Partial<VolumeMount>, can: boolean): boolean =>
    mountMode({ ...mount, recursiveReadOnly, ...more }, can).recursiveReadOnly;
  const readOnly = { readOnly: true };
  t.equal(of('Disabled', {}, true), false);
  t.equal(of('IfPossible', readOnly, false), false);
  t.equal(of('IfPossible', readOnly, true), true);
  t.equal(of('Enabled', readOnly, true), true);
  const refusal =
    'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but ';
  const refuses = (more: Partial<VolumeMount>, why: string): void => {
    t.throws(() => of('Enabled', more, false), { code: 'CONFIG_ERROR', message: refusal + why });
  };
  refuses({}, 'it is not read-only');
  refuses(readOnly, 'it is not supported by the runtime');
  refuses(
    { ...readOnly, mountPropagation: 'HostToContainer' },
    'it is not compatible with propagation "HostToContainer"',
  );
  t.end();
});
