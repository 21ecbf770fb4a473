import t from 'tap';
import { isKubeApiError } from '../../../../src/provider/kube-client/kube-api-error.ts';
import { resources } from '../../../../src/provider/kube-client/resource-type.ts';
import {
  ApiServerFake,
  type Handler,
  sendJson,
  sendStatus,
  type Teardown,
} from './api-server-fake.ts';

async function fake(test: Teardown, handler: Handler, basePath = ''): Promise<ApiServerFake> {
  const server = await ApiServerFake.start(handler, basePath);
  test.teardown(() => server.stop());
  return server;
}

void t.test('objects pass through as they are, unknown fields and times included', async (t) => {
  const pod = {
    metadata: { name: 'web', namespace: 'shop', creationTimestamp: '2026-01-02T03:04:05Z' },
    spec: { containers: [], fieldOfTomorrow: { deep: [1, null] } },
  };
  const { client, requests } = await fake(t, (request, response) => {
    sendJson(response, request.method === 'GET' ? pod : JSON.parse(request.body));
  });
  const got = await client.get(resources.pods, { namespace: 'shop', name: 'web' });
  t.same(got, pod);
  const replaced = await client.replace(resources.pods, { namespace: 'shop', name: 'web' }, got, {
    subresource: 'status',
  });
  t.same(replaced, pod);
  t.equal(requests[0]?.url.pathname, '/api/v1/namespaces/shop/pods/web');
  t.equal(requests[0]?.headers.authorization, 'Bearer a-token');
  t.equal(requests[1]?.url.pathname, '/api/v1/namespaces/shop/pods/web/status');
});

void t.test('a name cannot leave its place in the path', async (t) => {
  const { client, requests } = await fake(t, (_request, response) => {
    sendJson(response, {});
  });
  await client.get(resources.secrets, { namespace: 'a/../b', name: '../../nodes?x=1' });
  t.equal(
    requests[0]?.url.pathname,
    '/api/v1/namespaces/a%2F..%2Fb/secrets/..%2F..%2Fnodes%3Fx%3D1',
  );
});

void t.test('the path of the server in the kubeconfig comes first', async (t) => {
  const { client, requests } = await fake(
    t,
    (_request, response) => {
      sendJson(response, {});
    },
    '/k8s/clusters/c1/',
  );
  await client.get(resources.leases, { namespace: 'n', name: 'x' });
  t.equal(
    requests[0]?.url.pathname,
    '/k8s/clusters/c1/apis/coordination.k8s.io/v1/namespaces/n/leases/x',
  );
});

void t.test('a list is read page by page and its items carry their type', async (t) => {
  const { client, requests } = await fake(t, (request, response) => {
    const second = request.url.searchParams.get('continue') === 'more';
    sendJson(response, {
      apiVersion: 'v1',
      kind: 'PodList',
      metadata: { resourceVersion: '7', ...(second ? {} : { continue: 'more' }) },
      items: [{ metadata: { name: second ? 'b' : 'a' } }],
    });
  });
  const list = await client.list(resources.pods, { fieldSelector: 'spec.nodeName=n' });
  t.same(list, {
    resourceVersion: '7',
    items: [
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } },
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'b' } },
    ],
  });
  t.equal(requests[1]?.url.searchParams.get('fieldSelector'), 'spec.nodeName=n');
});

void t.test('a list whose continue token expires is read in one piece', async (t) => {
  const { client } = await fake(t, (request, response) => {
    const { searchParams } = request.url;
    if (searchParams.has('continue')) {
      sendStatus(response, 410, 'Expired');
      return;
    }
    const paged = searchParams.has('limit');
    sendJson(response, {
      metadata: { resourceVersion: '9', ...(paged ? { continue: 'old' } : {}) },
      items: paged ? [{ n: 1 }] : [{ n: 1 }, { n: 2 }],
    });
  });
  const { items } = await client.list(resources.nodes);
  t.same(items, [{ n: 1 }, { n: 2 }]);
});

void t.test('every kind of patch has its content type; apply names a manager', async (t) => {
  const { client, requests } = await fake(t, (_request, response) => {
    sendJson(response, {});
  });
  const ref = { name: 'n' };
  await client.patch(resources.nodes, ref, {}, { patchType: 'strategic-merge' });
  await client.patch(resources.nodes, ref, {}, { patchType: 'merge', subresource: 'status' });
  await client.patch(resources.nodes, ref, [], { patchType: 'json' });
  await client.patch(resources.nodes, ref, {}, { patchType: 'apply', force: true });
  t.same(
    requests.map((request) => [request.headers['content-type'], request.url.search]),
    [
      ['application/strategic-merge-patch+json', ''],
      ['application/merge-patch+json', ''],
      ['application/json-patch+json', ''],
      ['application/apply-patch+yaml', '?fieldManager=towline&force=true'],
    ],
  );
});

void t.test('a deletion carries its preconditions and grace', async (t) => {
  const { client, requests } = await fake(t, (_request, response) => {
    sendJson(response, {});
  });
  await client.delete(
    resources.pods,
    { namespace: 'n', name: 'p' },
    { uid: 'u', gracePeriodSeconds: 0 },
  );
  t.same(JSON.parse(requests[0]?.body ?? ''), {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    preconditions: { uid: 'u' },
    gracePeriodSeconds: 0,
  });
});

void t.test('a subresource is created under its object', async (t) => {
  const { client, requests } = await fake(t, (_request, response) => {
    sendJson(response, {});
  });
  await client.create(
    resources.serviceAccounts,
    { spec: {} },
    { namespace: 'n', name: 'default', subresource: 'token' },
  );
  t.equal(requests[0]?.url.pathname, '/api/v1/namespaces/n/serviceaccounts/default/token');
});

void t.test('the reason of a Status decides the code of the error', async (t) => {
  let answer: [number, string] = [500, ''];
  const { client } = await fake(t, (_request, response) => {
    sendStatus(response, answer[0], answer[1]);
  });
  const cases: [number, string, string][] = [
    [404, 'NotFound', 'NOT_FOUND'],
    [409, 'Conflict', 'CONFLICT'],
    [409, 'AlreadyExists', 'ALREADY_EXISTS'],
    [403, 'Forbidden', 'FORBIDDEN'],
    [422, 'Invalid', 'INVALID'],
    [410, 'Expired', 'GONE'],
    [500, 'InternalError', 'SERVER_ERROR'],
    [504, 'Timeout', 'TIMEOUT'],
    [429, 'TooManyRequests', 'TOO_MANY_REQUESTS'],
    [404, 'SomethingNew', 'NOT_FOUND'],
    [418, '', 'INVALID'],
  ];
  for (const [status, reason, code] of cases) {
    answer = [status, reason];
    await t.rejects(
      client.create(resources.nodes, { metadata: { name: 'x' } }),
      { code, status, message: `POST /api/v1/nodes: it is ${reason}` },
      `${status} ${reason}`,
    );
  }
});

void t.test('a failed answer that is no Status still says something', async (t) => {
  const { client } = await fake(t, (_request, response) => {
    response.writeHead(502).end('bad gateway from a proxy');
  });
  await t.rejects(client.create(resources.nodes, {}), {
    code: 'SERVER_ERROR',
    status: 502,
    message: 'POST /api/v1/nodes: bad gateway from a proxy',
  });
});

void t.test('a good answer that is not JSON is an error of the server', async (t) => {
  const { client } = await fake(t, (_request, response) => {
    response.end('<html>');
  });
  await t.rejects(client.get(resources.nodes, { name: 'n' }), { code: 'SERVER_ERROR' });
});

void t.test('a busy server is asked again after what it says', async (t) => {
  const { client, requests } = await fake(t, (_request, response) => {
    if (requests.length === 1) sendStatus(response, 429, 'TooManyRequests', { 'retry-after': '1' });
    else sendJson(response, { ok: true });
  });
  const startedAt = performance.now();
  t.same(await client.get(resources.nodes, { name: 'n' }), { ok: true });
  t.ok(performance.now() - startedAt >= 990, 'waited the second that it was told to');
});

void t.test('tries are bounded, and what may not be repeated is not', async (t) => {
  const { client, requests } = await fake(t, (_request, response) => {
    sendStatus(response, 503, 'ServiceUnavailable', { 'retry-after': '0' });
  });
  await t.rejects(client.get(resources.nodes, { name: 'n' }), {
    code: 'SERVER_ERROR',
    status: 503,
    retryAfterMs: 0,
  });
  t.equal(requests.length, 4);
  await t.rejects(client.create(resources.nodes, {}), { code: 'SERVER_ERROR' });
  await t.rejects(client.patch(resources.nodes, { name: 'n' }, [], { patchType: 'json' }));
  t.equal(requests.length, 6);
});

void t.test('a wait that is too long is left to the caller', async (t) => {
  const { client, requests } = await fake(t, (_request, response) => {
    sendStatus(response, 429, 'TooManyRequests', { 'retry-after': '3600' });
  });
  await t.rejects(client.get(resources.nodes, { name: 'n' }), {
    code: 'TOO_MANY_REQUESTS',
    retryAfterMs: 3_600_000,
  });
  t.equal(requests.length, 1);
});

void t.test('a connection that breaks before the answer is tried again', async (t) => {
  const server = await fake(t, (_request, response) => {
    if (server.requests.length === 1) response.destroy();
    else sendJson(response, { ok: true });
  });
  t.same(await server.client.get(resources.nodes, { name: 'n' }), { ok: true });
});

void t.test('a server that is not there is UNREACHABLE', async (t) => {
  const server = await ApiServerFake.start(() => undefined);
  const { client } = server;
  await server.stop();
  await t.rejects(client.get(resources.nodes, { name: 'n' }), { code: 'UNREACHABLE' });
});

void t.test('an abort ends the request, also while it waits for its next try', async (t) => {
  const controller = new AbortController();
  const reason = new Error('stop it');
  const { client } = await fake(t, (_request, response) => {
    sendStatus(response, 429, 'TooManyRequests', { 'retry-after': '20' });
    setImmediate(() => {
      controller.abort(reason);
    });
  });
  const failure = client.get(resources.nodes, { name: 'n' }, { signal: controller.signal });
  const error = await failure.catch((e: unknown) => e);
  t.equal(error, reason);
  t.notOk(isKubeApiError(error));
});

void t.test('connections are kept', async (t) => {
  const ports = new Set<number | undefined>();
  const { client } = await fake(t, (_request, response) => {
    ports.add(response.socket?.remotePort);
    sendJson(response, {});
  });
  for (let i = 0; i < 8; i += 1) await client.get(resources.nodes, { name: 'n' });
  t.ok(ports.size <= 2, `${ports.size} connections`);
});

void t.test('the version of the server is in numbers', async (t) => {
  const { client } = await fake(t, (_request, response) => {
    sendJson(response, { major: '1', minor: '20+', gitVersion: 'v1.20.2-gke' });
  });
  t.same(await client.serverVersion(), { major: 1, minor: 20, gitVersion: 'v1.20.2-gke' });
});
