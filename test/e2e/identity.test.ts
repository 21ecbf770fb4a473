import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawnKubectl } from '../../hack/lab/kubectl.ts';
import { waitFor } from '../../hack/lab/wait.ts';
import { certificatesOf } from '../../src/protocol/trust-bundle.ts';
import { publicKeyHashOf } from '../../src/provider/pki/public-key.ts';
import { SpiffeAuthority, svidFiles, writeSvid } from '../integration/join/spiffe-authority.ts';
import { isRunning, onEveryControlPlane, shellPod, type Cluster } from './cluster.ts';

/** Renewed after 13 s; a busy machine has the rest of it for that. */
const siteCertificateLifetime = '20s';

async function certificateOf({ site }: Cluster): Promise<X509Certificate> {
  return new X509Certificate(
    await readFile(join(site.device.dir, 'towline/identity/certificate.pem')),
  );
}

function runnerLog({ site }: Cluster): Promise<string> {
  return readFile(site.runner.logFile, 'utf8');
}

async function untilRunnerSays(cluster: Cluster, words: RegExp, timeoutMs = 40_000): Promise<void> {
  await waitFor(async () => words.test(await runnerLog(cluster)), {
    ...{ what: `the runner to say ${String(words)}`, timeoutMs },
    explain: () => readFileSync(cluster.site.runner.logFile, 'utf8').slice(-4000),
  });
}

/** An exec in the pod `steady` that says something all the time. */
function tick(cluster: Cluster): { count(): number; isRunning(): boolean; stop(): void } {
  const script = 'while :; do echo tick; sleep 0.2; done';
  const { adminKubeconfig } = cluster.plane;
  const args = ['-n', cluster.namespace, 'exec', 'steady', '--', 'sh', '-c', script];
  const exec = spawnKubectl(adminKubeconfig, args);
  let ticks = 0;
  exec.stdout.on('data', () => (ticks += 1));
  return {
    count: () => ticks,
    isRunning: () => exec.exitCode === null,
    stop: () => exec.kill('SIGKILL'),
  };
}

function svidFlags(dir: string): string[] {
  const { certificate, privateKey, bundle } = svidFiles(dir);
  return ['--svid-file', certificate, '--svid-key-file', privateKey, '--svid-bundle-file', bundle];
}

async function untilTicks(exec: { count(): number }, more: number): Promise<void> {
  const seen = exec.count();
  await waitFor(() => exec.count() > seen + more, { what: 'the exec to go on', timeoutMs: 20_000 });
}

/** Hashes of the CAs that the device trusts. */
async function trusted({ site }: Cluster): Promise<string[]> {
  const pem = await readFile(join(site.device.dir, 'towline/identity/ca.pem'), 'utf8');
  return certificatesOf(pem).map(({ publicKey }) => publicKeyHashOf(publicKey));
}

async function connections(cluster: Cluster): Promise<number> {
  return (await runnerLog(cluster)).split('"connected to the provider"').length - 1;
}

await onEveryControlPlane(
  async (t, cluster) => {
    const { site, towline } = cluster;
    await cluster.apply(shellPod(cluster, 'steady', 'sleep 3600'));
    const steady = await cluster.untilPod('steady', 'Running', isRunning);
    const container = steady.status?.containerStatuses?.[0]?.containerID;

    await t.test('a certificate is renewed under a running exec', async (t) => {
      const before = (await certificateOf(cluster)).serialNumber;
      const exec = tick(cluster);
      await untilTicks(exec, 2);
      await waitFor(async () => (await certificateOf(cluster)).serialNumber !== before, {
        ...{ what: 'a new certificate on the device', timeoutMs: 40_000 },
      });
      await untilTicks(exec, 5);
      t.ok(exec.isRunning());
      exec.stop();
      t.equal(await connections(cluster), 1, 'the connection is still the first');
    });

    await t.test('the CA is rolled under a running exec', async (t) => {
      const [old = ''] = await trusted(cluster);
      t.match(await towline.towlinectl('ca', 'status'), old);
      const exec = tick(cluster);
      await untilTicks(exec, 2);
      t.match(await towline.towlinectl('ca', 'rotate'), /the provider has a new CA: sha256:/);
      await waitFor(async () => !(await trusted(cluster)).includes(old), {
        ...{ what: 'the old CA to be given up', timeoutMs: 60_000 },
        explain: () => readFileSync(cluster.site.runner.logFile, 'utf8').slice(-4000),
      });
      const [next = '', ...others] = await trusted(cluster);
      t.strictSame(others, []);
      t.match(await towline.towlinectl('ca', 'status'), next);
      await untilTicks(exec, 5);
      t.ok(exec.isRunning());
      exec.stop();
      const before = await connections(cluster);
      t.equal(before, 1, 'the connection is still the first');
      await site.killRunner();
      await site.startRunner();
      await waitFor(async () => (await connections(cluster)) > before, {
        ...{ what: 'the runner to connect by the new CA', timeoutMs: 40_000 },
      });
      t.match(await cluster.kubectl('exec', 'steady', '--', 'echo', 'here'), /here/);
    });

    await t.test('a site whose certificate expired while it was away is let in', async (t) => {
      await site.device.blackhole();
      await waitFor(
        async () => (await certificateOf(cluster)).validToDate.getTime() + 1_000 < Date.now(),
        { what: 'the certificate to expire', timeoutMs: 40_000 },
      );
      await site.killRunner();
      await site.device.unblackhole();
      await site.startRunner();
      await untilRunnerSays(cluster, /renewed by its key[^]*connected to the provider"/);
      await cluster.untilPod('steady', 'Running again', isRunning);
      t.match(await cluster.kubectl('exec', 'steady', '--', 'echo', 'here'), /here/);
    });

    await t.test('a revoked site is shut out at once, and comes back by a new join', async (t) => {
      const said = await towline.towlinectl('site', 'revoke', site.name, '-n', site.tenant);
      t.match(said, /is revoked/);
      await untilRunnerSays(cluster, /DISMISSED[^]* was revoked/);
      await untilRunnerSays(cluster, /answered 403: site .* was revoked/);
      t.match(await towline.towlinectl('site', 'list', '-n', site.tenant), /revoked/);
      const before = await connections(cluster);
      await site.joinAgain(await towline.towlinectl('site', 'token', site.name, '-n', site.tenant));
      await waitFor(async () => (await connections(cluster)) > before, {
        ...{ what: 'the runner to connect with its new key', timeoutMs: 60_000 },
      });
      const again = await cluster.untilPod('steady', 'Running again', isRunning);
      t.equal(again.status?.containerStatuses?.[0]?.containerID, container, 'nothing restarted');
    });

    await t.test('an outside SPIFFE authority says who is who, and rotates it', async (t) => {
      const authority = new SpiffeAuthority('spire');
      const dirs = {
        cloud: join(site.device.dir, 'cloud-svid'),
        site: join(site.device.dir, 'svid'),
      };
      const providerId = 'spiffe://towline/provider';
      const siteId = `spiffe://towline/tenant/${site.tenant}/site/${site.name}`;
      writeSvid(dirs.cloud, authority.issue(providerId));
      writeSvid(dirs.site, authority.issue(siteId));
      const before = await connections(cluster);
      await site.killRunner();
      await towline.stopProvider();
      await towline.startProvider(...svidFlags(dirs.cloud));
      const [address = ''] = /wss:\/\/\S+/.exec(site.joinLine) ?? [];
      const created = await towline.towlinectl('site', 'create', 'other', '-n', site.tenant);
      t.match(created, `--provider ${address} --provider-id ${providerId}`);
      await towline.towlinectl('site', 'delete', 'other', '-n', site.tenant, '--force');
      const runnerFlags = ['--provider', address, '--provider-id', providerId];
      // The store was sealed by the key that joined: it is set aside, and another is begun.
      await site.startRunner(...svidFlags(dirs.site), ...runnerFlags);
      await waitFor(async () => (await connections(cluster)) > before, {
        ...{ what: 'the runner to connect by its SVID', timeoutMs: 60_000 },
        explain: () => readFileSync(cluster.site.runner.logFile, 'utf8').slice(-4000),
      });
      const again = await cluster.untilPod('steady', 'Running again', isRunning);
      t.equal(again.status?.containerStatuses?.[0]?.containerID, container, 'nothing restarted');
      const exec = tick(cluster);
      await untilTicks(exec, 2);
      writeSvid(dirs.cloud, authority.issue(providerId));
      writeSvid(dirs.site, authority.issue(siteId));
      await waitFor(
        async () =>
          /"the SVID, or the bundle, is new"/.test(
            await readFile(towline.provider.logFile, 'utf8'),
          ),
        { what: 'the provider to take its new SVID', timeoutMs: 30_000 },
      );
      await untilTicks(exec, 5);
      t.ok(exec.isRunning());
      exec.stop();
      t.equal(await connections(cluster), before + 1, 'the connection is still the same');
    });

    await t.test('a deleted site stops its pods, is told, and then goes', async (t) => {
      const everything = { tolerations: [{ operator: 'Exists' }] };
      await cluster.apply(shellPod(cluster, 'tolerant', 'sleep 3600', everything));
      await cluster.untilPod('tolerant', 'Running', isRunning);
      t.match(
        await towline.towlinectl('site', 'delete', site.name, '-n', site.tenant),
        /its device stops the pods first/,
      );
      const isGone = async (kind: string, name: string): Promise<boolean> =>
        /NotFound/.test((await cluster.tryKubectl(['get', kind, name])).stderr);
      await waitFor(() => isGone('site', site.name), {
        what: 'the Site to be gone',
        timeoutMs: 60_000,
      });
      t.equal((await site.device.ctr('containers', 'ls', '-q')).trim(), '', 'nothing runs there');
      await untilRunnerSays(cluster, /all pods are stopped/);
      await untilRunnerSays(cluster, /DISMISSED.* was deleted/);
      await waitFor(() => isGone('node', site.nodeName), {
        what: 'the node to be gone',
        timeoutMs: 20_000,
      });
    });
  },
  { siteCertificateLifetime },
);
