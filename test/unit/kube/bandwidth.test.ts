import t from 'tap';
import { podBandwidth } from '../../../src/kube/bandwidth.ts';
import type { Pod } from '../../../src/kube/api.ts';

function podWith(annotations: Record<string, string>, hostNetwork = false): Pod {
  const spec = { containers: [], hostNetwork };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', annotations }, spec };
}

void t.test('quantities of bits a second, each way for itself', (t) => {
  const [ingress, egress] = ['kubernetes.io/ingress-bandwidth', 'kubernetes.io/egress-bandwidth'];
  t.same(podBandwidth(podWith({ [ingress]: '10M' })), { ingress: 10_000_000 });
  t.same(podBandwidth(podWith({ [egress]: '1Mi', other: 'x' })), { egress: 1_048_576 });
  t.same(podBandwidth(podWith({ [ingress]: '10M' }, true)), {}, 'not in the device’s network');
  for (const [wrong, says] of [
    ['999', /unreasonably small/],
    ['2P', /unreasonably large/],
    ['-5M', /unreasonably small/],
    ['fast', /no quantity/],
  ] as const) {
    t.throws(() => podBandwidth(podWith({ [egress]: wrong })), {
      code: 'CONFIG_ERROR',
      message: says,
    });
  }
  t.end();
});
