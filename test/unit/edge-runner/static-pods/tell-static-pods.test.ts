import t from 'tap';
import { tellStaticPods } from '../../../../src/edge-runner/static-pods/tell-static-pods.ts';
import type { Pod } from '../../../../src/kube/api.ts';

function pod(name: string, uid: string, annotations: Record<string, string> = source): Pod {
  return {
    metadata: { name, namespace: 'shop', uid, annotations },
    spec: { nodeName: 'n', containers: [{ name: 'main', image: 'i' }] },
  };
}

const source = { 'kubernetes.io/config.source': 'file', 'kubernetes.io/config.seen': 'then' };

void t.test('static pods are told, and no others', (t) => {
  const api = pod('api', 'a', { 'kubernetes.io/config.source': 'api' });
  t.strictSame(tellStaticPods([api, pod('web', 'u'), pod('none', 'x', {})]), [
    {
      ...{ namespace: 'shop', name: 'web', uid: 'u', seen: 'then' },
      manifest: {
        ...{ labels: undefined, annotations: source },
        spec: { nodeName: 'n', containers: [{ name: 'main', image: 'i' }] },
      },
    },
  ]);
  t.end();
});

void t.test('one that still ends is told before the one that takes its place', (t) => {
  t.match(tellStaticPods([pod('web', 'old'), pod('web', 'new')]), [{ uid: 'old' }]);
  t.end();
});

void t.test('what is too large goes without its manifest, and there are not too many', (t) => {
  const large = pod('web', 'u', { ...source, note: 'x'.repeat(33_000) });
  t.strictSame(tellStaticPods([large]), [
    { namespace: 'shop', name: 'web', uid: 'u', seen: 'then' },
  ]);
  const many = Array.from({ length: 200 }, (_, n) => pod(`p${n}`, 'u'));
  t.equal(tellStaticPods(many).length, 110);
  t.end();
});
