import type { Test } from 'tap';
import { kubectl } from '../../../hack/lab/kubectl.ts';
import { allowMirrorPods } from '../../../hack/lab/towline.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { pod, running, type Scene } from './scene.ts';

const uid = '0123456789abcdef0123456789abcdef';
const good = { namespace: 'acme', name: 'web-odd.acme', uid, seen: '2026-01-01T00:00:00Z' };
const manifest = {
  labels: { app: 'web' },
  spec: { containers: [{ name: 'main', image: 'busybox' }] },
};

/** What a device may bring into the API by saying that it has static pods, and what it tries in vain. */
export async function mirrorPods(t: Test, scene: Scene): Promise<void> {
  const { admin, odd } = scene;
  await allowMirrorPods(admin, 'acme');
  const stream = await odd.reportNode();
  const tell = (...pods: readonly object[]): Promise<unknown> =>
    stream.ask({ type: 'static-pods', pods });
  const names = async (): Promise<string> =>
    scene.kubectl('get', 'pods', '-A', '-o', 'custom-columns=:.metadata.namespace,:.metadata.name');
  const withSpec = (name: string, fields: object): object => ({
    ...{ ...good, name: `${name}-odd.acme`, uid: hash(name) },
    manifest: { ...manifest, spec: { ...manifest.spec, ...fields } },
  });

  const { metadata } = await untilThere(scene, () => tell({ ...good, manifest }));
  t.match(metadata.ownerReferences, [{ kind: 'Node', name: 'odd.acme', controller: true }]);
  t.match(metadata, {
    labels: { app: 'web' },
    annotations: { 'kubernetes.io/config.mirror': uid },
  });
  t.equal((await scene.pod('web-odd.acme')).spec.nodeName, 'odd.acme');

  await scene.apply({
    ...pod('honest'),
    metadata: { name: 'victim-odd.acme', namespace: 'acme' },
  });
  const victim = await scene.pod('victim-odd.acme');
  await tell(
    { ...good, manifest },
    { ...good, name: 'elsewhere-honest.acme', uid: hash('1'), manifest },
    { ...good, name: 'kubernetes', uid: hash('2'), manifest },
    { ...good, namespace: 'kube-system', uid: hash('3'), manifest },
    { ...good, namespace: 'towline-system', uid: hash('4'), manifest },
    { ...good, name: 'victim-odd.acme', uid: hash('5'), manifest },
    withSpec('account', { serviceAccountName: 'default' }),
    withSpec('secret', { volumes: [{ name: 'v', secret: { secretName: 's' } }] }),
    withSpec('pull', { imagePullSecrets: [{ name: 's' }] }),
    withSpec('claim', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }),
    withSpec('odd', { containers: 'none' }),
    withSpec('unknown', { restartPolicy: 'Sometimes' }),
    { ...good, name: 'huge-odd.acme', uid: hash('6') },
    withSpec('last', {}),
  );
  await waitFor(async () => (await names()).includes('last-odd.acme'), {
    ...{ what: 'the good one among them', timeoutMs: 30_000 },
  });
  t.strictSame(
    (await names())
      .split('\n')
      .filter((line) => line.includes('-odd.acme'))
      .map(words),
    ['acme last-odd.acme', 'acme victim-odd.acme', 'acme web-odd.acme'],
    'nothing else has come, nor in any other namespace',
  );
  t.notMatch(await names(), /elsewhere|kube-system +web|towline-system +web/);
  t.equal((await scene.pod('victim-odd.acme')).metadata.uid, victim.metadata.uid);
  const events = await waitFor(
    async () => {
      const text = await scene.kubectl('get', 'events', '-n', 'default', '-o', 'wide');
      return text.includes('unknown-odd.acme') && text;
    },
    { what: 'events that say why', timeoutMs: 20_000 },
  );
  for (const why of [
    /node\/odd\.acme .*StaticPodNotShown|StaticPodNotShown .*node\/odd\.acme/,
    /static pods may not reference serviceaccounts/,
    /static pods may not reference secrets/,
    /static pods may not reference persistentvolumeclaims/,
    /shows no static pods in namespace "kube-system"/,
    /huge-odd\.acme.*more than 32768 bytes/,
    /victim-odd\.acme.*another pod has its name/,
    /unknown-odd\.acme.*Unsupported value/,
  ]) {
    t.match(events, why);
  }

  const wish = { audiences: [], expirationSeconds: 3600, serviceAccount: 'default' };
  for (const known of [uid, metadata.uid ?? '']) {
    const asked = { type: 'token-request', pod: { ...identity(), uid: known }, ...wish };
    t.match(await stream.ask(asked), { type: 'refused', retryable: false }, 'it gets no token');
  }
  await tell({ ...good, manifest });
  const report = { ...identity(), gone: false, status: running('of a static pod') };
  t.match(await stream.ask({ type: 'pods', pods: [report] }), { type: 'ack' });
  t.match((await scene.pod('web-odd.acme')).status, { message: 'of a static pod' });
  const hijack = { namespace: 'acme', name: 'victim-odd.acme', uid: victim.metadata.uid };
  const status = running('hijacked');
  t.match(await stream.ask({ type: 'pods', pods: [{ ...hijack, gone: false, status }] }), {
    type: 'ack',
  });
  t.notMatch((await scene.pod('victim-odd.acme')).status, { message: 'hijacked' });

  for (const wrong of [
    { ...good, uid: 'short' },
    { ...good, name: '../../nodes/honest.acme' },
    { ...good, manifest: { spec: 'none' } },
    { ...good, manifest: { ...manifest, labels: { a: 5 } } },
    null,
  ]) {
    const other = await odd.openReport();
    await other.send({ type: 'static-pods', id: 1, pods: [wrong] });
    t.equal(await other.read(), undefined, JSON.stringify(wrong));
  }
  const crowd = await odd.openReport();
  await crowd.send({ type: 'static-pods', id: 1, pods: Array.from({ length: 111 }, () => good) });
  t.equal(await crowd.read(), undefined, 'more than a device can have');

  await scene.kubectl('-n', 'acme', 'delete', 'pod', 'web-odd.acme', '--wait=false');
  const again = await untilThere(scene, () => Promise.resolve(), metadata.uid);
  t.not(again.metadata.uid, metadata.uid, 'one that is deleted comes anew');
  const last = await odd.openReport();
  t.match(await last.ask({ type: 'static-pods', pods: [] }), { type: 'ack' });
  await waitFor(
    async () => (await kubectl(admin, ['-n', 'acme', 'get', 'pod', 'web-odd.acme'])).code !== 0,
    { what: 'what the device no longer has to go', timeoutMs: 20_000 },
  );
  await scene.kubectl(
    '-n',
    'acme',
    'delete',
    'pod',
    'victim-odd.acme',
    '--grace-period=0',
    '--force',
  );
}

function identity(): Record<'namespace' | 'name' | 'uid', string> {
  return { namespace: good.namespace, name: good.name, uid: good.uid };
}

async function untilThere(
  scene: Scene,
  tell: () => Promise<unknown>,
  notUid?: string,
): Promise<Pod> {
  await tell();
  return waitFor(
    async () => {
      const found = await kubectl(scene.admin, [
        ...['-n', 'acme', 'get', 'pod', 'web-odd.acme', '-o', 'json'],
      ]);
      const pod = found.code === 0 ? (JSON.parse(found.stdout) as Pod) : undefined;
      const isNew = pod !== undefined && pod.metadata.deletionTimestamp === undefined;
      return isNew && pod.metadata.uid !== notUid && pod;
    },
    { what: 'the mirror pod', timeoutMs: 20_000 },
  );
}

function hash(word: string): string {
  return Buffer.from(word.padEnd(16, '.')).toString('hex').slice(0, 32);
}

function words(line: string): string {
  return line.trim().split(/\s+/).join(' ');
}
