import { once } from 'node:events';
import { request } from 'node:https';
import { join } from 'node:path';
import type { Test } from 'tap';
import { kubectl } from '../../../hack/lab/kubectl.ts';
import type { Lab } from '../../../hack/lab/lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { FollowedSync } from './followed-sync.ts';
import { HandMadeRunner } from './hand-made-runner.ts';
import type { RoleUse } from './role-use.ts';
import { pod, type Scene } from './scene.ts';

/**
 * Has the provider do what nothing else of the file makes it do, and then compares what it asked the API
 * server for with what `manifests/rbac.yaml` gives it. The provider is restarted on the way.
 */
export async function leastPrivilege(
  t: Test,
  scene: Scene,
  { lab, use }: { lab: Lab; use: RoleUse },
): Promise<void> {
  await removeSite(scene, t.testdir({}));
  await strangeTokenAtKubeletPort(scene, lab.hostAddress);
  await countedEvent(scene);
  await boundlessClaim(scene);
  await scene.kubectl('label', 'node', 'honest.acme', 'towline.dev/site-');
  const moved = JSON.stringify({ data: { address: 'wss://moved.example.com' } });
  const info = ['configmap', 'towline-provider', '--type=merge', '-p', moved];
  await scene.kubectl('-n', 'towline-system', 'patch', ...info);
  // The two sites of the scene don't say what they trust, and hold the old CA.
  await scene.towline.towlinectl('ca', 'rotate');
  await scene.towline.stopProvider();
  await scene.towline.startProvider();

  let unused: string[] = [];
  await waitFor(async () => (unused = await use.unused()).length === 0, {
    ...{ what: 'every rule of manifests/rbac.yaml to be needed', timeoutMs: 45_000 },
    explain: () =>
      `take these away, or have test/integration/provider/least-privilege.ts do what needs them: ${unused.join(', ')}`,
  });
  t.same(await use.forbidden(), [], 'and nothing more is asked for');
}

/** A Site that joins, gets its node, and is deleted. */
async function removeSite(scene: Scene, dir: string): Promise<void> {
  const line = await scene.towline.towlinectl('site', 'create', 'spare', '-n', 'acme');
  const runner = await HandMadeRunner.join(line, join(dir, 'spare'));
  await runner.connect();
  await runner.reportNode();
  await scene.kubectl('get', 'node', 'spare.acme');
  runner.session.close();
  await scene.towline.towlinectl('site', 'delete', 'spare', '-n', 'acme', '--force');
  await waitFor(
    async () => (await kubectl(scene.admin, ['get', 'node', 'spare.acme'])).code !== 0,
    {
      ...{ what: 'the node of a deleted site to go', timeoutMs: 30_000 },
    },
  );
}

async function strangeTokenAtKubeletPort(scene: Scene, host: string): Promise<void> {
  const path = '-o=jsonpath={.status.daemonEndpoints.kubeletEndpoint.Port}';
  const port = await scene.kubectl('get', 'node', 'odd.acme', path);
  const asked = request({
    ...{ host, port, path: '/pods', agent: false, rejectUnauthorized: false },
    headers: { authorization: 'Bearer of-nobody' },
  });
  asked.end();
  const [response] = (await once(asked, 'response')) as [{ resume(): void }];
  response.resume();
}

/** A pod whose claim nobody will bind. */
async function boundlessClaim(scene: Scene): Promise<void> {
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1' } } };
  const claimant = pod('claimant');
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }];
  await scene.apply(
    {
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
      metadata: { name: 'data', namespace: 'acme' },
      spec: { ...spec, storageClassName: 'none' },
    },
    { ...claimant, spec: { ...claimant.spec, nodeName: 'odd.acme', volumes } },
  );
  const sync = await FollowedSync.open(scene.odd);
  await sync.until('VolumeClaim/acme/data');
}

/** An event that comes again is counted. */
async function countedEvent(scene: Scene): Promise<void> {
  const report = await scene.honest.reportNode();
  const now = new Date().toISOString();
  const times = { firstTimestamp: now, lastTimestamp: now };
  const event = { id: 'again', type: 'Normal', reason: 'Again', message: 'm', ...times };
  const pod = await scene.identity('honest');
  for (const count of [1, 2]) {
    await report.ask({ type: 'events', events: [{ ...event, pod, count }] });
  }
}
