import pino from 'pino';
import t from 'tap';
import { KubeApiError } from '../../../../src/provider/kube-client/kube-api-error.ts';
import type { KubeClient } from '../../../../src/provider/kube-client/kube-client.ts';
import { type Lease, LeaseKeeper } from '../../../../src/provider/node/lease-keeper.ts';

void t.test('a lease is made once, then renewed for as long as it is wanted', async (t) => {
  const node = { metadata: { name: 'berlin.prod', uid: 'node-uid' } };
  let wanted = true;
  let lease: Lease | undefined;
  let renewals = 0;
  const enough = Promise.withResolvers<undefined>();
  const keeper = new LeaseKeeper({
    client: {
      create: ((_type: unknown, object: Lease) => {
        lease = object;
        return Promise.resolve(object);
      }) as KubeClient['create'],
      patch: ((_type: unknown, _ref: unknown, patch: Pick<Lease, 'spec'>) => {
        if (lease === undefined) return Promise.reject(new KubeApiError('NOT_FOUND', 'x'));
        lease = { ...lease, ...patch };
        renewals += 1;
        if (renewals === 3) {
          wanted = false;
          enough.resolve(undefined);
        }
        return Promise.resolve(lease);
      }) as KubeClient['patch'],
    },
    nodeToRenew: () => (wanted ? node : undefined),
    log: pino({ level: 'silent' }),
    renewMs: 1,
    nowMs: () => Date.parse('2026-01-01T00:00:00.123Z'),
  });
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  keeper.renew('berlin.prod');
  await enough.promise;
  t.match(lease, {
    metadata: {
      namespace: 'kube-node-lease',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'berlin.prod', uid: 'node-uid' }],
    },
    spec: {
      holderIdentity: 'berlin.prod',
      leaseDurationSeconds: 40,
      renewTime: '2026-01-01T00:00:00.123000Z',
    },
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(renewals, 3);
  stop.abort();
  await running;
});
