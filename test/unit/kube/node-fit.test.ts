import t from 'tap';
import type { Container, Pod, PodSpec } from '../../../src/kube/api.ts';
import { nodeMisfit } from '../../../src/kube/node-fit.ts';
import { podRequest } from '../../../src/kube/pod-totals.ts';
import { container, pod } from './pods.ts';

function requests(cpu: string, memory = '0', more: Partial<Container> = {}): Container {
  return container({ resources: { requests: { cpu, memory } }, ...more });
}

const allocatable = { cpu: '2', memory: '1Gi', pods: '3' };

function misfit(spec: Partial<PodSpec>, ...others: Pod[]): ReturnType<typeof nodeMisfit> {
  return nodeMisfit(pod(spec), { allocatable, pods: others });
}

void t.test('requests of all containers, or of the init container that needs most', (t) => {
  const milli = (spec: Partial<PodSpec>): number =>
    Number(podRequest({ containers: [], ...spec }, 'cpu') / 1_000_000n);
  const main = [requests('500m'), requests('250m')];
  t.equal(milli({ containers: main }), 750);
  t.equal(milli({ containers: main, initContainers: [requests('2'), requests('1')] }), 2000);
  const sidecar = requests('400m', '0', { restartPolicy: 'Always' });
  t.equal(milli({ containers: main, initContainers: [sidecar] }), 1150);
  t.equal(milli({ containers: main, initContainers: [sidecar, requests('2')] }), 2400);
  t.equal(milli({ containers: main, initContainers: [requests('1'), sidecar] }), 1150);
  t.equal(milli({ containers: main, overhead: { cpu: '100m' } }), 850);
  t.equal(milli({ containers: main, resources: { requests: { cpu: '1' } } }), 1000);
  t.end();
});

void t.test('a pod fits as long as there is room', (t) => {
  const one = pod({ containers: [requests('1', '512Mi')] });
  t.equal(misfit(one.spec, one), undefined);
  t.same(misfit({ containers: [requests('1500m')] }, one), {
    reason: 'OutOfcpu',
    message: "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
  });
  t.match(misfit({ containers: [requests('0', '600Mi')] }, one), {
    reason: 'OutOfmemory',
    message: /requested: 629145600, used: 536870912, capacity: 1073741824$/,
  });
  t.match(misfit({}, one, one, one), { reason: 'OutOfpods' });
  t.end();
});

void t.test('a pod of another node', (t) => {
  const node = { name: 'berlin.acme', labels: {} };
  const room = { allocatable, pods: [], node };
  t.equal(nodeMisfit(pod({ nodeName: 'berlin.acme' }), room), undefined);
  t.same(nodeMisfit(pod({ nodeName: 'paris.acme' }), room), {
    reason: 'NodeName',
    message: "Predicate NodeName failed: node(s) didn't match the requested node name",
  });
  t.end();
});

void t.test('a port of the device is for one pod', (t) => {
  const listening = (hostIP?: string, protocol?: 'UDP'): Partial<PodSpec> => ({
    containers: [
      container({
        ports: [
          {
            ...{ containerPort: 80, hostPort: 8080 },
            ...(hostIP === undefined ? {} : { hostIP }),
            ...(protocol === undefined ? {} : { protocol }),
          },
        ],
      }),
    ],
  });
  t.match(misfit(listening(), pod(listening())), { reason: 'NodePorts' });
  t.match(misfit(listening('192.0.2.1'), pod(listening())), { reason: 'NodePorts' });
  t.equal(misfit(listening('192.0.2.1'), pod(listening('192.0.2.2'))), undefined);
  t.equal(misfit(listening(undefined, 'UDP'), pod(listening())), undefined);
  t.end();
});

void t.test('pods of another operating system', (t) => {
  t.match(misfit({ os: { name: 'windows' } }), { reason: 'PodOSNotSupported' });
  const os = { 'kubernetes.io/os': 'windows' };
  t.match(misfit({ nodeSelector: os }), { reason: 'NodeAffinity' });
  const labelled = { ...pod({}), metadata: { name: 'p', labels: os } };
  t.match(nodeMisfit(labelled, { allocatable, pods: [] }), {
    reason: 'PodOSSelectorNodeLabelDoesNotMatch',
  });
  t.equal(misfit({ os: { name: 'linux' } }), undefined);
  t.end();
});

void t.test('a pod that asks for another node', (t) => {
  const asking = pod({ nodeSelector: { zone: 'b' } });
  const node = { name: 'berlin.acme', labels: { zone: 'a' } };
  t.match(nodeMisfit(asking, { allocatable, pods: [], node }), { reason: 'NodeAffinity' });
  t.equal(nodeMisfit(asking, { allocatable, pods: [] }), undefined, 'its labels aren’t known');
  t.end();
});
