import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { findControlPlanes } from '../../../hack/lab/control-planes.ts';
import { kubectl, kubectlChecked } from '../../../hack/lab/kubectl.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { startTowline } from '../../../hack/lab/towline.ts';
import { daemonSets, foreignPods, withdrawnNamespace } from './foreign-pods.ts';
import { goodNode, type HandMadeStream } from './hand-made-runner.ts';
import { leastPrivilege } from './least-privilege.ts';
import { mirrorPods } from './mirror-pods.ts';
import { RoleUse } from './role-use.ts';
import { pod, running, Scene } from './scene.ts';

async function strangeStreams(t: Test, scene: Scene): Promise<void> {
  const heads = [{ type: 'shell' }, { type: 'logs' }, {}, null, 5, 'report', ['report']];
  for (const head of heads) {
    const stream = await scene.odd.open(head);
    t.equal(await stream.read(), undefined, JSON.stringify(head));
  }
  const wrongVersion = { type: 'sync', protocolVersion: 99, runnerVersion: '9.9.9' };
  t.equal(await (await scene.odd.open(wrongVersion)).read(), undefined, 'an unknown version');
  for (const [what, bytes] of [
    ['a length of 4 GiB', Buffer.from('ffffffff7b7d', 'hex')],
    ['no JSON', Buffer.from('00000003616263', 'hex')],
    [
      'JSON without end',
      Buffer.concat([Buffer.from('0000c350', 'hex'), Buffer.alloc(50_000, '[')]),
    ],
    [
      'JSON that nests without measure',
      Buffer.concat([
        Buffer.from('0000c350', 'hex'),
        Buffer.alloc(25_000, '['),
        Buffer.alloc(25_000, ']'),
      ]),
    ],
  ] as const) {
    const stream = await scene.odd.openReport();
    stream.raw.write(bytes);
    t.equal(await stream.read(), undefined, what);
  }
  t.ok(await scene.oddWorks(), 'the connection is still good');
}

async function strangeReports(t: Test, scene: Scene): Promise<void> {
  for (const message of [
    { type: 'reboot', id: 1 },
    { type: 'pods', id: 'one', pods: [] },
    { type: 'pods', id: 1, pods: {} },
    { type: 'pods', id: 1, pods: [{ name: 'odd' }] },
    { type: 'node', id: 1, node: {} },
    { type: 'events', id: 1, events: [null] },
    { id: 1 },
    null,
    [],
  ]) {
    const stream = await scene.odd.openReport();
    await stream.send(message);
    t.equal(await stream.read(), undefined, JSON.stringify(message));
  }
  t.ok(await scene.oddWorks(), 'the connection is still good');
}

async function othersPods(t: Test, scene: Scene): Promise<void> {
  t.ok(await scene.honestWorks());
  const before = await scene.pod('honest');
  const stream = await scene.odd.reportNode();
  const others = await scene.identity('honest');
  const hijack = { ...others, gone: true, status: { phase: 'Failed', message: 'hijacked' } };
  t.match(await stream.ask({ type: 'pods', pods: [hijack] }), { type: 'ack' });
  t.strictSame((await scene.pod('honest')).status, before.status, 'its status stays');

  const older = { ...(await scene.identity('odd')), uid: '00000000-0000-0000-0000-000000000000' };
  const own = await scene.pod('odd');
  const revived = { ...older, gone: false, status: running('of an older pod') };
  t.match(await stream.ask({ type: 'pods', pods: [revived] }), { type: 'ack' });
  t.strictSame((await scene.pod('odd')).status, own.status, 'nor is a pod before one of its name');

  const unknown = { namespace: 'kube-system', name: 'none', uid: 'u', gone: true, status: {} };
  t.match(await stream.ask({ type: 'pods', pods: [unknown] }), { type: 'ack' });

  const now = '2026-01-01T00:00:00Z';
  const event = { id: 'e', pod: others, type: 'Warning', reason: 'Hijacked', message: 'm' };
  const times = { count: 1, firstTimestamp: now, lastTimestamp: now };
  for (const pod of [others, older, { ...others, uid: own.metadata.uid ?? '' }]) {
    const events = [{ ...event, ...times, pod }];
    t.match(await stream.ask({ type: 'events', events }), { type: 'ack' });
  }
  const events = await kubectlChecked(scene.admin, ['-n', 'acme', 'get', 'events', '-o', 'name']);
  t.notMatch(
    await kubectlChecked(scene.admin, ['-n', 'acme', 'get', 'events']),
    'Hijacked',
    `no event of a pod that isn't its own, among ${events.split('\n').length}`,
  );
}

async function othersPodsThatEnd(t: Test, scene: Scene): Promise<void> {
  const { admin, odd } = scene;
  await kubectlChecked(admin, ['-n', 'acme', 'delete', 'pod', 'honest', '--wait=false']);
  const stream = await odd.reportNode();
  const gone = { ...(await scene.identity('honest')), gone: true, status: {} };
  t.match(await stream.ask({ type: 'pods', pods: [gone] }), { type: 'ack' });
  t.not((await scene.pod('honest')).metadata.deletionTimestamp, undefined, 'only its site ends it');

  const own = await scene.honest.openReport();
  t.match(await own.ask({ type: 'pods', pods: [gone] }), { type: 'ack' });
  const { code } = await kubectl(admin, ['-n', 'acme', 'get', 'pod', 'honest']);
  t.not(code, 0, 'and its site does');
  await kubectlChecked(admin, ['apply', '-f', '-'], { input: JSON.stringify(pod('honest')) });
}

async function tokens(t: Test, scene: Scene): Promise<void> {
  const stream = await scene.odd.reportNode();
  const ask = (pod: object, serviceAccount: string, changes = {}): Promise<unknown> =>
    stream.ask({
      ...{ type: 'token-request', pod, serviceAccount },
      ...{ audiences: ['vault'], expirationSeconds: 3607, ...changes },
    });
  const refused = { type: 'refused', retryable: false };
  await scene.apply(podWithToken('odd', 'with-token'), podWithToken('honest', 'its-token'));
  const own = await scene.identity('with-token');
  const given = await waitFor(
    async () => {
      const answer = (await ask(own, 'default')) as { type: string; token: string };
      return answer.type === 'token' && answer;
    },
    { what: 'a token as its pod declares it', timeoutMs: 20_000 },
  );
  t.match(claimsOf(given.token), {
    aud: ['vault'],
    sub: 'system:serviceaccount:acme:default',
    'kubernetes.io': { pod: { name: own.name, uid: own.uid } },
  });
  t.match(await ask(own, 'default', { audiences: [] }), refused, 'for the API server');
  t.match(await ask(own, 'default', { audiences: ['vault', 'other'] }), refused, 'for one more');
  t.match(await ask(own, 'default', { audiences: ['other'] }), refused, 'for another');
  t.match(await ask(own, 'default', { expirationSeconds: 86_400 }), refused, 'for longer');
  t.match(await ask(await scene.identity('its-token'), 'default'), refused, 'for its neighbour');
  t.match(await ask(await scene.identity('honest'), 'default'), refused, 'for a pod of another');
  t.match(await ask({ ...own, uid: 'other' }, 'default'), refused, 'for a pod that is gone');
  t.match(await ask(own, 'admin'), refused, 'of an account that its pod does not use');
  t.match(
    await ask({ namespace: 'towline-system', name: 'x', uid: 'x' }, 'towline-provider'),
    refused,
  );
}

function podWithToken(site: string, name: string): object {
  const serviceAccountToken = { path: 'token', audience: 'vault', expirationSeconds: 3607 };
  const projected = { sources: [{ serviceAccountToken }] };
  const object = pod(site);
  return {
    ...object,
    metadata: { name, namespace: 'acme' },
    spec: {
      ...object.spec,
      // Newer API servers would declare one for themselves, too.
      automountServiceAccountToken: false,
      volumes: [{ name: 'token', projected }],
    },
  };
}

function claimsOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

async function strangeSync(t: Test, scene: Scene): Promise<void> {
  const { odd } = scene;
  const delta = async (stream: HandMadeStream): Promise<unknown> => {
    await stream.send({ type: 'held', objects: [] });
    return stream.read();
  };
  const wrong = await odd.openSync();
  const first = await delta(wrong);
  const put = [
    { kind: 'Node', name: 'odd.acme' },
    { kind: 'Pod', name: 'odd' },
  ];
  t.match(first, { type: 'delta', put });
  t.notMatch(JSON.stringify(first), 'honest', 'it is told of its own pods only');
  await wrong.send({ type: 'ack', digest: 'wrong' });
  t.equal(await wrong.read(), undefined, 'an acknowledgement of something else ends the stream');

  for (const message of [
    { type: 'ack', digest: 'early' },
    { type: 'state', digest: 'again' },
    {
      type: 'held',
      objects: [{ kind: 'lease', namespace: '', name: 'n', uid: 'u', version: 'v' }],
    },
    { type: 'rewind' },
    null,
  ]) {
    const stream = await odd.openSync();
    await stream.send(message);
    t.equal(await stream.read(), undefined, JSON.stringify(message));
  }

  const greedy = await odd.openSync();
  const secret = { kind: 'Secret', namespace: 'kube-system', name: 's', uid: 'u', version: 'v' };
  await greedy.send({ type: 'held', objects: [secret] });
  t.match(await greedy.read(), { remove: [{ kind: 'Secret', name: 's' }] }, 'naming gets nothing');

  const mended = await odd.openSync();
  const again = await delta(mended);
  t.strictSame(again, first, 'a new stream begins anew');
  await mended.send({ type: 'ack', digest: (again as { digest: string }).digest });
  t.ok(await scene.oddWorks(), 'the connection is still good');
}

async function strangeStatuses(t: Test, scene: Scene): Promise<void> {
  const own = await scene.identity('odd');
  for (const status of [
    { phase: 'Bogus' },
    { phase: 5 },
    { phase: 'Running', containerStatuses: 'none' },
    { phase: 'Running', containerStatuses: [null] },
    { phase: 'Running', conditions: 'fine' },
    { phase: 'Running', conditions: [null] },
    { phase: 'Running', conditions: [{ type: 5, status: 'Yes' }] },
    { phase: 'Running', podIPs: 'many' },
    { phase: 'Running', startTime: 'yesterday' },
    { phase: 'Running', $patch: 'delete' },
    { phase: 'Running', deep: nested(50) },
    { phase: 'Running', large: 'x'.repeat(3_500_000) },
    { phase: 'Running', $retainKeys: [5] },
  ]) {
    const stream = await scene.odd.openReport();
    // Acknowledged, or the end of the stream.
    await stream.send({ type: 'pods', id: 1, pods: [{ ...own, gone: false, status }] });
    t.not(await settled(stream), 'waiting', `${JSON.stringify(status)} is answered`);
    t.ok(await scene.honestWorks(), 'others are not held up');
  }
  t.ok(await scene.oddWorks(), 'and a good one is taken');
}

/** So many arrays in each other. */
function nested(depth: number): unknown {
  return JSON.parse('['.repeat(depth) + ']'.repeat(depth));
}

/** The answer of the provider, or `waiting` when there is none in time. */
async function settled(stream: HandMadeStream): Promise<unknown> {
  try {
    return await stream.read();
  } catch {
    return 'waiting';
  }
}

async function strangeNodes(t: Test, scene: Scene): Promise<void> {
  const node = async (): Promise<{ status: { capacity: object; nodeInfo: object } }> =>
    JSON.parse(
      await kubectlChecked(scene.admin, ['get', 'node', 'odd.acme', '-o', 'json']),
    ) as never;
  for (const changes of [
    { capacity: { cpu: 'lots' } },
    { capacity: { 'two words': '1' } },
    { conditions: [{ type: 'Ready', status: 'True' as const, reason: 'two words', message: '' }] },
  ]) {
    const stream = await scene.odd.openReport();
    await stream.send({ type: 'node', id: 1, node: { ...goodNode, ...changes } });
    t.ok(await scene.honestWorks(), `${JSON.stringify(changes)} holds nobody else up`);
  }
  t.ok(await scene.oddWorks(), 'and a good one is taken');
  t.match((await node()).status.capacity, { cpu: '2' });
}

async function strangeBytes(t: Test, scene: Scene): Promise<void> {
  const { identity } = scene.odd;
  for (const data of ['hello', Buffer.alloc(12, 0xff), Buffer.alloc(100_000)]) {
    const ws = new WebSocket(`${identity.addresses[0] ?? ''}/v1/tunnel`, {
      ca: identity.ca,
      cert: identity.certificate,
      key: identity.privateKey,
    });
    ws.on('error', () => undefined);
    await once(ws, 'open');
    ws.send(data);
    await once(ws, 'close');
    t.pass(`${typeof data === 'string' ? 'text' : `${data.length} bytes`} end the connection`);
  }
  t.ok(await scene.honestWorks(), 'the other site has not noticed');
  await scene.odd.connect();
  t.ok(await scene.oddWorks(), 'and the site may come back');
}

t.setTimeout(900_000);
const progress = (line: string): void => {
  t.comment(line);
};
await ensurePackages(progress);
const { found } = await findControlPlanes(progress);

for (const binaries of found) {
  await t.test(`an odd runner harms nobody (${binaries.name})`, async (t) => {
    t.setTimeout(400_000);
    const lab = await createLab({ name: `odd-${process.pid}`, progress });
    t.teardown(() => lab.stop());
    const use = new RoleUse(t.testdir({}));
    const extraFlags = { 'kube-apiserver': use.flags };
    const plane = await lab.startControlPlane({ binaries, extraFlags });
    const towline = await startTowline({ lab, plane });
    const { pid } = towline.provider;
    const scene = await Scene.make(lab.dir, plane, towline);
    const run = (name: string, test: (t: Test, scene: Scene) => Promise<void>): Promise<unknown> =>
      t.test(name, { timeout: 120_000 }, (t) => test(t, scene));

    await run('streams of no known kind are reset', strangeStreams);
    await run('reports of no known kind are reset', strangeReports);
    await run('reports on pods of another site are dropped', othersPods);
    await run('only its own site ends a pod', othersPodsThatEnd);
    await run('tokens are given for its own pods alone', tokens);
    await run('a site that says it holds something else is told anew', strangeSync);
    await run('statuses that make no sense hold nobody up', strangeStatuses);
    await run('neither do facts of the device that make no sense', strangeNodes);
    await run('pods of other namespaces stay away', foreignPods);
    await run('until the Site allows them, and as long as it does', withdrawnNamespace);
    await run('so do DaemonSets', daemonSets);
    await run('static pods are shown as far as the site may', mirrorPods);
    await run('bytes that are no tunnel end the connection alone', strangeBytes);

    t.ok(towline.provider.isRunning() && towline.provider.pid === pid, 'the provider never fell');
    const log = readFileSync(towline.provider.logFile, 'utf8');
    t.notMatch(log, /"level":(50|60)/, 'nothing of it is an error of the provider');
    t.notMatch(log, /TypeError|RangeError|unhandled/i, 'and nothing came unexpected');
    await run('what the provider may do is what it needs', (t, scene) =>
      leastPrivilege(t, scene, { lab, use }),
    );
  });
}
