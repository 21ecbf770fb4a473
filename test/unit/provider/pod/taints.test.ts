import t from 'tap';
import type { Node, Pod, PodStatus, Taint, Toleration } from '../../../../src/kube/api.ts';
import { taintRefusal } from '../../../../src/provider/pod/taints.ts';

function node(...taints: Taint[]): Node {
  return { metadata: { name: 'site.acme' }, spec: { taints } };
}

function pod(tolerations?: Toleration[], status: PodStatus = {}): Pod {
  return {
    metadata: { name: 'a', namespace: 'acme' },
    spec: { containers: [], ...(tolerations === undefined ? {} : { tolerations }) },
    status,
  };
}

const gpu: Taint = { key: 'gpu', value: 'yes', effect: 'NoExecute' };

void t.test('a pod that tolerates no NoExecute taint is rejected as by a kubelet', (t) => {
  const event = "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate";
  t.same(taintRefusal(pod(), node(gpu)), {
    ...{ reason: 'TaintToleration', event, message: `Pod was rejected: ${event}` },
  });
  t.end();
});

void t.test('every form of a toleration', (t) => {
  const cases: [Toleration, boolean][] = [
    [{ operator: 'Exists' }, true],
    [{ key: 'gpu', operator: 'Exists' }, true],
    [{ key: 'gpu', operator: 'Equal', value: 'yes' }, true],
    [{ key: 'gpu', value: 'yes', effect: 'NoExecute', tolerationSeconds: 5 }, true],
    [{ key: 'gpu', value: 'no' }, false],
    [{ key: 'gpu' }, false],
    [{ key: 'cpu', operator: 'Exists' }, false],
    [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }, false],
    [{ key: 'gpu', operator: 'Gt', value: 'yes' }, false],
  ];
  for (const [toleration, isTolerated] of cases) {
    const refusal = taintRefusal(pod([toleration]), node(gpu));
    t.equal(refusal === undefined, isTolerated, JSON.stringify(toleration));
  }
  const second: Taint = { key: 'leaving', effect: 'NoExecute' };
  t.ok(taintRefusal(pod([{ key: 'gpu', operator: 'Exists' }]), node(gpu, second)), 'all of them');
  t.end();
});

void t.test('other taints, and what says that the site is away, turn nobody away', (t) => {
  const others: Taint[] = [
    { key: 'towline.dev/site', value: 'site', effect: 'NoSchedule' },
    { key: 'slow', effect: 'PreferNoSchedule' },
    { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
    { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' },
  ];
  t.equal(taintRefusal(pod(), node(...others)), undefined);
  t.equal(taintRefusal(pod(), undefined), undefined, 'nor does a Node that is not there yet');
  t.end();
});

void t.test('only a pod that nobody has begun is judged, and only once', (t) => {
  for (const status of [
    { phase: 'Pending', startTime: '2026-01-01T00:00:00Z' },
    { phase: 'Running' },
    { phase: 'Failed', reason: 'Evicted' },
  ] as const) {
    t.equal(taintRefusal(pod([], status), node(gpu)), undefined, JSON.stringify(status));
  }
  const refused = pod([], { phase: 'Failed', reason: 'TaintToleration' });
  t.ok(taintRefusal(refused, node()), 'also when the taint is gone');
  const mirror = pod();
  mirror.metadata.annotations = { 'kubernetes.io/config.mirror': 'x' };
  t.equal(taintRefusal(mirror, node(gpu)), undefined);
  t.end();
});
