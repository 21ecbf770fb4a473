import t from 'tap';
import type { Pod, Toleration } from '../../../../src/kube/api.ts';
import {
  type DisconnectionPolicy,
  planTolerations,
  tolerationsAnnotation,
} from '../../../../src/provider/pod/plan-tolerations.ts';
import { podOf } from '../desired/desired-fixture.ts';

const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';
const keep: DisconnectionPolicy = { kind: 'keep' };
const evict: DisconnectionPolicy = { kind: 'evict', afterSeconds: 3600 };

function toleration(key: string, seconds?: number): Toleration {
  const base = { key, operator: 'Exists', effect: 'NoExecute' };
  return seconds === undefined ? base : { ...base, tolerationSeconds: seconds };
}

/** As the admission plugin DefaultTolerationSeconds makes it. */
function admitted(): Pod {
  return podOf('a', { tolerations: [toleration(notReady, 300), toleration(unreachable, 300)] });
}

/** The pod after the patch, as the API server would have it. */
function applied(pod: Pod, policy: DisconnectionPolicy): Pod {
  const operations = planTolerations(pod, policy);
  t.ok(operations, 'a patch was planned');
  const next = structuredClone(pod);
  for (const { op, path, value } of operations ?? []) {
    if (op === 'test') continue;
    if (path === '/spec/tolerations') next.spec.tolerations = value as Toleration[];
    else if (path === '/metadata/annotations') {
      next.metadata.annotations = value as Record<string, string>;
    } else {
      next.metadata.annotations = {
        ...next.metadata.annotations,
        [tolerationsAnnotation]: value as string,
      };
    }
  }
  t.equal(planTolerations(next, policy), undefined, 'nothing is left to do');
  return next;
}

void t.test('under Keep the default of five minutes becomes for ever', (t) => {
  const pod = applied(admitted(), keep);
  t.same(pod.spec.tolerations, [toleration(notReady), toleration(unreachable)]);
  t.end();
});

void t.test('what a pod had of its own is undone to that', (t) => {
  const own = [toleration(notReady, 600), toleration(unreachable, 60)];
  const kept = applied(podOf('a', { tolerations: own }), keep);
  const evicted = applied(kept, { kind: 'evict', afterSeconds: undefined });
  t.same(evicted.spec.tolerations, own);
  t.end();
});

void t.test('under Keep a pod without tolerations gets them', (t) => {
  const pod = applied(podOf('a'), keep);
  t.same(pod.spec.tolerations, [toleration(notReady), toleration(unreachable)]);
  t.end();
});

void t.test('under Evict they last as long as the Site says', (t) => {
  const pod = applied(admitted(), evict);
  t.same(pod.spec.tolerations, [toleration(notReady, 3600), toleration(unreachable, 3600)]);
  t.end();
});

void t.test('a change of policy is followed both ways', (t) => {
  const kept = applied(admitted(), keep);
  const evicted = applied(kept, evict);
  t.same(evicted.spec.tolerations, [toleration(notReady, 3600), toleration(unreachable, 3600)]);
  const keptAgain = applied(evicted, keep);
  t.same(keptAgain.spec.tolerations, kept.spec.tolerations);
  const original = applied(keptAgain, { kind: 'evict', afterSeconds: undefined });
  t.same(original.spec.tolerations, admitted().spec.tolerations);
  t.end();
});

void t.test(
  'a DaemonSet pod, which tolerates without end by itself, keeps that under Evict',
  (t) => {
    const pod = podOf('a', { tolerations: [toleration(notReady), toleration(unreachable)] });
    t.equal(planTolerations(pod, evict), undefined);
    t.equal(planTolerations(pod, keep), undefined);
    t.end();
  },
);

void t.test('one toleration for everything is enough under Keep', (t) => {
  const pod = podOf('a', { tolerations: [{ operator: 'Exists' }] });
  t.equal(planTolerations(pod, keep), undefined);
  t.end();
});

void t.test('one for several taints keeps its time for the others', (t) => {
  const all: Toleration = { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 };
  const pod = applied(podOf('a', { tolerations: [all] }), keep);
  t.same(pod.spec.tolerations, [toleration(unreachable), toleration(notReady), all]);
  t.end();
});

void t.test('tolerations of other taints and effects are left alone', (t) => {
  const others: Toleration[] = [
    { key: unreachable, operator: 'Exists', effect: 'NoSchedule' },
    { key: 'towline.dev/site', operator: 'Equal', value: 's', effect: 'NoSchedule' },
  ];
  const pod = applied(podOf('a', { tolerations: others }), keep);
  t.same(pod.spec.tolerations?.slice(0, 2), others);
  t.end();
});

void t.test('nothing that was there is taken away, as the API server demands', (t) => {
  for (const policy of [keep, evict]) {
    const before = admitted();
    const after = applied(before, policy);
    const bare = (list: Toleration[] | undefined): string[] =>
      (list ?? []).map(({ key, operator, effect }) => JSON.stringify({ key, operator, effect }));
    for (const one of bare(before.spec.tolerations)) {
      t.ok(bare(after.spec.tolerations).includes(one));
    }
  }
  t.end();
});

void t.test('the patch holds for this version of this pod only', (t) => {
  const operations = planTolerations(admitted(), keep);
  t.match(operations, [
    { op: 'test', path: '/metadata/uid', value: 'a-uid' },
    { op: 'test', path: '/metadata/resourceVersion', value: '1' },
  ]);
  t.end();
});

void t.test('an annotation that somebody damaged does no harm', (t) => {
  const pod = admitted();
  pod.metadata.annotations = { [tolerationsAnnotation]: 'null' };
  const after = applied(pod, keep);
  t.equal(
    after.metadata.annotations?.[tolerationsAnnotation],
    JSON.stringify({ [notReady]: 300, [unreachable]: 300 }),
  );
  t.end();
});
