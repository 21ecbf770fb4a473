import t from 'tap';
import { withDefaultRequests } from '../../../src/kube/pod-defaults.ts';
import type { ResourceRequirements } from '../../../src/kube/api.ts';
import { container, pod } from './pods.ts';

function specOf(whole: ResourceRequirements | undefined, ...own: ResourceRequirements[]) {
  const containers = own.map((resources, at) => container({ name: `c${at}`, resources }));
  return pod({ containers, ...(whole && { resources: whole }) }).spec;
}

void t.test('a container requests its limits where it says nothing of them', (t) => {
  const limits = { cpu: '1', memory: '64Mi', 'hugepages-2Mi': '4Mi' };
  const spec = specOf(undefined, { limits, requests: { cpu: '100m' } }, { requests: { cpu: '2' } });
  const filled = withDefaultRequests({ ...spec, initContainers: spec.containers });
  for (const [first, second] of [filled.containers, filled.initContainers ?? []]) {
    t.same(first?.resources, { limits, requests: { ...limits, cpu: '100m' } });
    t.same(second?.resources, { requests: { cpu: '2' } }, 'no limits, no more requests');
  }
  t.equal(filled.resources, undefined);
  t.end();
});

void t.test('a pod with limits as a whole requests what its containers do, else these', (t) => {
  const whole = { limits: { cpu: '4', memory: '1Gi' } };
  const filled = withDefaultRequests(
    specOf(whole, { requests: { cpu: '1500m', 'x.io/y': '1' } }, { limits: { cpu: '100m' } }),
  );
  t.same(filled.resources, { ...whole, requests: { cpu: '1600m', memory: '1Gi' } });
  const said = { requests: { cpu: '3' }, limits: { cpu: '4' } };
  t.same(withDefaultRequests(specOf(said, { requests: { cpu: '1' } })).resources, said);
  const none = { requests: { cpu: '3' } };
  t.same(withDefaultRequests(specOf(none, { requests: { memory: '1Mi' } })).resources, none);
  t.same(withDefaultRequests(specOf({}, { limits: { cpu: '1' } })).resources, {});
  t.end();
});

void t.test('huge pages of containers are the pod’s where it has anything as a whole', (t) => {
  const own = { limits: { 'hugepages-2Mi': '4Mi' } };
  t.same(withDefaultRequests(specOf({ requests: { cpu: '1' } }, own, own)).resources, {
    limits: { 'hugepages-2Mi': '8388608' },
    requests: { cpu: '1', 'hugepages-2Mi': '8388608' },
  });
  const said = { limits: { 'hugepages-2Mi': '16Mi' } };
  t.same(withDefaultRequests(specOf(said, own)).resources, {
    ...{ limits: said.limits, requests: said.limits },
  });
  t.end();
});
