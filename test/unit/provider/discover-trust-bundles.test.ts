import t from 'tap';
import { discoverTrustBundles } from '../../../src/provider/discover-trust-bundles.ts';
import { KubeApiError } from '../../../src/provider/kube-client/kube-api-error.ts';

type Client = Parameters<typeof discoverTrustBundles>[0];

function clientOf(served: Record<string, string[]>, allowed = true): Client {
  return {
    getPath: (path: string) => {
      const names = served[path.split('/').at(-1) ?? ''];
      if (names === undefined) return Promise.reject(new KubeApiError('NOT_FOUND', path));
      return Promise.resolve({ resources: names.map((name) => ({ name })) });
    },
    create: () => Promise.resolve({ status: { allowed } }),
  } as unknown as Client;
}

const { signal } = new AbortController();

void t.test('bundles are watched in the newest version that is served', async (t) => {
  const logged: string[] = [];
  const log = { info: (text: string) => void logged.push(text) };
  const versionOf = async (client: Client): Promise<string | undefined> =>
    (await discoverTrustBundles(client, { log, signal }))?.version;
  const name = 'clustertrustbundles';
  t.equal(await versionOf(clientOf({})), undefined);
  t.equal(await versionOf(clientOf({ v1: ['certificatesigningrequests'] })), undefined);
  t.equal(await versionOf(clientOf({ v1: ['x'], v1alpha1: [name] })), 'v1alpha1');
  t.equal(await versionOf(clientOf({ v1beta1: [name, 'x'], v1alpha1: [name] })), 'v1beta1');
  t.same(logged, []);
  t.equal(await versionOf(clientOf({ v1beta1: [name] }, false)), undefined);
  t.match(
    logged,
    [/manifests\/trust-bundles\.yaml/],
    'and who may not is told what gives the right',
  );
});

void t.test('an API server that fails is no API server without them', async (t) => {
  const client = { getPath: () => Promise.reject(new KubeApiError('SERVER_ERROR', 'down')) };
  const log = { info: () => undefined };
  await t.rejects(discoverTrustBundles(client as unknown as Client, { log, signal }), {
    code: 'SERVER_ERROR',
  });
});
