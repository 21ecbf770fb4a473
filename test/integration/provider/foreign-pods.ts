import type { Test } from 'tap';
import { kubectl } from '../../../hack/lab/kubectl.ts';
import { ensureNamespace } from '../../../hack/lab/towline.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { OwnerReference } from '../../../src/kube/api.ts';
import type { SiteSpec } from '../../../src/kube/site.ts';
import { FollowedSync } from './followed-sync.ts';
import { running, type Scene } from './scene.ts';

const forbidden = { phase: 'Failed', reason: 'TenantForbidden' };

/** A pod of another namespace is bound to the site: it fails, and the site neither gets nor reaches anything of it. */
export async function foreignPods(t: Test, scene: Scene): Promise<void> {
  await ensureNamespace(scene.admin, 'other');
  await scene.apply(secret('other'), foreignPod('other', 'intruder'));
  await untilForbidden(scene, 'other', 'intruder');
  t.match((await scene.pod('intruder', 'other')).status?.message, /allowedNamespaces/);
  t.match(await forbiddenEvents(scene, 'other'), 'pod/intruder', 'an event says so');

  const sync = await FollowedSync.open(scene.odd);
  t.ok(sync.held.has('Pod/acme/odd'));
  t.notMatch([...sync.held].join(' '), '/other/', 'nothing of it is sent');

  const intruder = await scene.identity('intruder', 'other');
  const report = await scene.odd.reportNode();
  const hijack = { ...intruder, gone: false, status: running('here') };
  t.match(await report.ask({ type: 'pods', pods: [hijack] }), { type: 'ack' });
  t.match((await scene.pod('intruder', 'other')).status, forbidden, 'the site cannot revive it');
  t.match(await report.ask(tokenRequest(intruder)), { type: 'refused', retryable: false });
  t.match(await report.ask(eventReport(intruder)), { type: 'ack' });
  t.notMatch(await scene.kubectl('-n', 'other', 'get', 'events'), 'Hijacked');

  const logs = await kubectl(scene.admin, ['-n', 'other', 'logs', 'intruder']);
  t.match(logs.stderr, 'NotFound', 'nor does kubectl get to the site by it');
  await scene.kubectl('-n', 'other', 'delete', 'pod', 'intruder', '--timeout=20s');
}

/** What a Site allows comes to it, and goes when it no longer does. */
export async function withdrawnNamespace(t: Test, scene: Scene): Promise<void> {
  const sync = await FollowedSync.open(scene.odd);
  await allow(scene, { allowedNamespaces: ['other'] });
  await scene.apply(foreignPod('other', 'guest'));
  await sync.until('Pod/other/guest', 'Secret/other/s');
  const report = await scene.odd.reportNode();
  const guest = { ...(await scene.identity('guest', 'other')), gone: false };
  const status = { ...running('here'), startTime: '2026-01-01T00:00:00Z' };
  t.match(await report.ask({ type: 'pods', pods: [{ ...guest, status }] }), { type: 'ack' });
  t.match((await scene.pod('guest', 'other')).status, { phase: 'Running', message: 'here' });

  await allow(scene, {});
  await sync.until('!Pod/other/guest', '!Secret/other/s');
  const { phase } = (await scene.pod('guest', 'other')).status ?? {};
  t.equal(phase, 'Running', 'the site may stop it yet');
  await untilForbidden(scene, 'other', 'guest');
  t.ok(sync.held.has('Pod/acme/odd'), 'its own stay');
  await scene.kubectl('-n', 'other', 'delete', 'pod', 'guest', '--timeout=20s');
}

/** A real DaemonSet is let in where the Site lists its namespace; pods that only look like its are not. */
export async function daemonSets(t: Test, scene: Scene): Promise<void> {
  await ensureNamespace(scene.admin, 'infra');
  await scene.apply(daemonSet('infra'));
  await waitFor(async () => (await forbiddenEvents(scene, 'infra')).includes('pod/agent-'), {
    what: 'a pod of the DaemonSet to be refused',
    timeoutMs: 30_000,
  });
  const sync = await FollowedSync.open(scene.odd);
  await allow(scene, { allowedDaemonSetNamespaces: ['infra'] });
  await sync.until('Pod/infra/agent-');

  const agent = await scene.kubectl(...'-n infra get daemonset agent -o json'.split(' '));
  const { metadata } = JSON.parse(agent) as { metadata: { uid: string } };
  const owner = { ...controller, uid: metadata.uid };
  await scene.apply(foreignPod('infra', 'plain'), foreignPod('other', 'forged', [owner]));
  await waitFor(
    async () =>
      (await forbiddenEvents(scene, 'infra')).includes('pod/plain') &&
      (await forbiddenEvents(scene, 'other')).includes('pod/forged'),
    { what: 'pods that are no DaemonSet’s to be refused', timeoutMs: 30_000 },
  );
  t.notOk([...sync.held].some((key) => /plain|forged/.test(key)));
  await scene.kubectl('delete', 'namespace', 'infra', 'other', '--wait=false');
  await allow(scene, {});
}

async function allow(scene: Scene, spec: SiteSpec): Promise<void> {
  const all = { allowedNamespaces: null, allowedDaemonSetNamespaces: null, ...spec };
  const patch = JSON.stringify({ spec: all });
  await scene.kubectl('-n', 'acme', 'patch', 'site', 'odd', '--type=merge', '-p', patch);
}

async function untilForbidden(scene: Scene, namespace: string, name: string): Promise<void> {
  await waitFor(
    async () => (await scene.pod(name, namespace)).status?.reason === forbidden.reason,
    { what: `pod ${namespace}/${name} to be refused`, timeoutMs: 30_000 },
  );
}

function forbiddenEvents(scene: Scene, namespace: string): Promise<string> {
  const selector = `--field-selector=reason=${forbidden.reason}`;
  return scene.kubectl('-n', namespace, 'get', 'events', selector);
}

function tokenRequest(pod: object): object {
  const wish = { serviceAccount: 'default', audiences: [], expirationSeconds: 3607 };
  return { type: 'token-request', pod, ...wish };
}

function eventReport(pod: object): object {
  const now = '2026-01-01T00:00:00Z';
  const times = { count: 1, firstTimestamp: now, lastTimestamp: now };
  const event = { id: 'e', pod, type: 'Warning', reason: 'Hijacked', message: 'm', ...times };
  return { type: 'events', events: [event] };
}

function secret(namespace: string): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace } };
}

function foreignPod(
  namespace: string,
  name: string,
  ownerReferences: OwnerReference[] = [],
): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, ownerReferences },
    spec: {
      ...{ nodeName: 'odd.acme', terminationGracePeriodSeconds: 1 },
      containers: [
        {
          ...{ name: 'main', image: 'busybox' },
          env: [
            { name: 'S', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
          ],
        },
      ],
    },
  };
}

const controller = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', controller: true };

function daemonSet(namespace: string): object {
  const labels = { app: 'agent' };
  return {
    ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent', namespace } },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          nodeSelector: { 'towline.dev/site': 'odd' },
          tolerations: [{ operator: 'Exists' }],
          containers: [{ name: 'main', image: 'busybox' }],
        },
      },
    },
  };
}
