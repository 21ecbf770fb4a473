import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import type { CommandResult } from '../../../hack/lab/command.ts';
import type { ControlPlane } from '../../../hack/lab/control-plane.ts';
import { findControlPlanes } from '../../../hack/lab/control-planes.ts';
import { kubectl, kubectlChecked } from '../../../hack/lab/kubectl.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { loadIdentity } from '../../../src/edge-runner/join/identity-dir.ts';
import { joinCommand } from '../../../src/edge-runner/join/join-command.ts';
import type { Site } from '../../../src/kube/site.ts';
import { KubeJoinSites } from '../../../src/provider/join/kube-join-sites.ts';
import { publishProviderInfo } from '../../../src/provider/join/provider-info.ts';
import { SiteJoin } from '../../../src/provider/join/site-join.ts';
import { SiteRenewal } from '../../../src/provider/join/site-renewal.ts';
import { KubeClient } from '../../../src/provider/kube-client/kube-client.ts';
import { loadKubeConfig } from '../../../src/provider/kube-client/kube-config.ts';
import { CertificateAuthority } from '../../../src/provider/pki/authority.ts';
import { loadOrCreateCa } from '../../../src/provider/pki/ca-secret.ts';
import { KubeCaSecrets } from '../../../src/provider/pki/kube-ca-secrets.ts';
import { ServingCertificate } from '../../../src/provider/pki/serving-certificate.ts';
import { TunnelServer } from '../../../src/provider/tunnel-server/tunnel-server.ts';

const root = join(import.meta.dirname, '../../..');
const log = pino({ enabled: false });
const namespace = 'towline-system';
const trustDomain = 'towline';

const progress = (line: string): void => {
  t.comment(line);
};

/** A provider's joining half, under the rights of manifests/rbac.yaml. */
interface Joining {
  client: KubeClient;
  authority: CertificateAuthority;
  close(): Promise<void>;
}

async function startJoining(plane: ControlPlane): Promise<Joining> {
  const user = `system:serviceaccount:${namespace}:towline-provider`;
  const file = await plane.kubeconfigFor(user, ['system:authenticated']);
  const client = new KubeClient({ config: loadKubeConfig({ file }), log });
  const secrets = new KubeCaSecrets(client, namespace);
  const load = () => loadOrCreateCa({ secrets, trustDomain, nowMs: Date.now() });
  const [{ pairs }, { pairs: others }] = await Promise.all([load(), load()]);
  t.strictSame(pairs, others, 'two providers agree on one CA');
  const authority = new CertificateAuthority({ keyPair: pairs.current, trustDomain });
  const sites = new KubeJoinSites(client);
  const server = new TunnelServer({
    renewer: new SiteRenewal({ sites, authority, log }),
    authority,
    certificate: new ServingCertificate({ authority, names: ['127.0.0.1'] }),
    joiner: new SiteJoin({ sites, authority, log }),
    sites: { cached: () => undefined, read: (site, signal) => sites.read(site, signal) },
    onTunnel: () => undefined,
    notReady: () => undefined,
    log,
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const absent = { nextCaHash: undefined, spiffeId: undefined };
  const info = { client, namespace, caHash: authority.caHash, ...absent };
  const spiffeId = 'spiffe://example.org/towline';
  await publishProviderInfo({ ...info, spiffeId, addresses: ['wss://old.example:1'] });
  await publishProviderInfo({ ...info, addresses: [`wss://127.0.0.1:${port}`] });
  return {
    client,
    authority,
    close: async () => {
      await server.close();
      await client.close();
    },
  };
}

async function towlinectl(
  kubeconfig: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  const io = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    nowMs: Date.now,
  };
  const code = await runProgram([...args, '--kubeconfig', kubeconfig], 'towlinectl', io);
  return { code, stdout, stderr };
}

/** Runs a join line as a device would. */
async function runLine(line: string, dir: string): Promise<{ code: number; said: string }> {
  const [, , ...argv] = line.trim().split(' ');
  let said = '';
  const stream = { write: (text: string) => (said += text) };
  const io = { stdout: stream, stderr: stream, signal: AbortSignal.timeout(20_000) };
  return { code: await joinCommand([...argv, '--state-dir', dir], io), said };
}

async function getSite(kubeconfig: string, name: string): Promise<Site> {
  return JSON.parse(
    await kubectlChecked(kubeconfig, ['get', 'site', name, '-n', 'acme', '-o', 'json']),
  ) as Site;
}

function apply(kubeconfig: string, object: unknown): Promise<CommandResult> {
  return kubectl(kubeconfig, ['apply', '--validate=false', '-f', '-'], {
    input: JSON.stringify(object),
  });
}

t.setTimeout(240_000);
const { found } = await findControlPlanes(progress);
for (const binaries of found) {
  await t.test(`with ${binaries.name}`, { timeout: 180_000 }, async (t) => {
    const lab = await createLab({ name: `join-${process.pid}`, progress });
    t.teardown(() => lab.stop());
    const plane = await lab.startControlPlane({ binaries });
    const admin = plane.adminKubeconfig;
    for (const file of ['crd.yaml', 'rbac.yaml']) {
      await kubectlChecked(admin, ['apply', '-f', join(root, 'manifests', file)]);
    }
    const established = ['wait', '--for=condition=Established', 'crd/sites.towline.dev'];
    await kubectlChecked(admin, [...established, '--timeout=30s']);
    await kubectlChecked(admin, ['create', 'namespace', 'acme']);
    const joining = await startJoining(plane);
    t.teardown(() => joining.close());
    await t.test('schema', (t) => schema(t, admin));
    await t.test('manifests', (t) => manifests(t, admin));
    await t.test('from site create to an identity', (t) => joins(t, admin, joining));
    await t.test('what towlinectl says of mistakes', (t) => mistakes(t, admin));
  });
}

async function schema(t: Test, admin: string): Promise<void> {
  const site = (name: string, spec?: unknown): unknown => ({
    apiVersion: 'towline.dev/v1alpha1',
    kind: 'Site',
    metadata: { name, namespace: 'acme' },
    ...(spec === undefined ? {} : { spec }),
  });
  t.equal((await apply(admin, site('plain'))).code, 0);
  t.strictSame((await getSite(admin, 'plain')).spec, { disconnection: { policy: 'Keep' } });
  t.equal((await apply(admin, site('bare', { taints: [] }))).code, 0);
  t.strictSame((await getSite(admin, 'bare')).spec?.taints, []);
  const evict = { disconnection: { policy: 'Evict', evictAfter: '1h30m' } };
  t.equal((await apply(admin, site('evict', evict))).code, 0);
  const wrong: [string, unknown][] = [
    ['a.b', {}],
    ['a'.repeat(64), {}],
    ['x', { disconnection: { policy: 'Sometimes' } }],
    ['x', { disconnection: { evictAfter: '1h' } }],
    ['x', { disconnection: { policy: 'Evict', evictAfter: 'soon' } }],
    ['x', { taints: [{ key: 'a' }] }],
    ['x', { taints: [{ key: 'a', effect: 'Never' }] }],
    ['x', { nodeLabels: { a: 'not a label!' } }],
    ['x', { join: { tokenHash: 'plain text', expiresAt: '2026-01-01T00:00:00Z' } }],
    ['x', { join: { tokenHash: `sha256:${'0'.repeat(64)}`, expiresAt: 'tomorrow' } }],
  ];
  for (const [name, spec] of wrong) {
    const { code, stderr } = await apply(admin, site(name, spec));
    t.ok(code !== 0 && stderr.includes('is invalid'), JSON.stringify([name, spec]));
  }
  const explained = await kubectlChecked(admin, ['explain', 'sites.spec.disconnection.evictAfter']);
  t.match(explained.replaceAll(/\s+/g, ' '), 'only with policy Evict');
  await kubectlChecked(admin, ['delete', 'site', '--all', '-n', 'acme']);
}

async function manifests(t: Test, admin: string): Promise<void> {
  for (const file of ['provider.yaml', 'example.yaml']) {
    const path = join(root, 'manifests', file);
    const args = ['apply', '--dry-run=server', '-f', path];
    const { code, stderr } = await kubectl(admin, args);
    t.equal(code, 0, `${file} ${stderr}`);
  }
  const text = await readFile(join(root, 'manifests/crd.yaml'), 'utf8');
  t.notMatch(text, 'x-kubernetes-validations', 'not served by 1.20');
  t.equal((parse(text) as { apiVersion: string }).apiVersion, 'apiextensions.k8s.io/v1');
}

async function joins(t: Test, admin: string, joining: Joining): Promise<void> {
  const created = await towlinectl(admin, [
    ...['site', 'create', 'berlin', '-n', 'acme', '--node-label', 'region=eu', '--no-taint'],
  ]);
  t.equal(created.code, 0, created.stderr);
  t.match(
    created.stdout,
    /^towline-runner join wss:\/\/127\.0\.0\.1:\d+ --site acme\/berlin .*\n$/,
  );
  t.match(created.stderr, /site acme\/berlin created/);
  const site = await getSite(admin, 'berlin');
  t.match(site.spec, { nodeLabels: { region: 'eu' }, taints: [] });
  t.notMatch(JSON.stringify(site), /--token (\S+)/.exec(created.stdout)?.[1] ?? 'token');

  const dir = t.testdir({});
  const joined = await runLine(created.stdout, dir);
  t.strictSame(joined, {
    code: 0,
    said: `joined acme/berlin; the identity is in ${dir}. Next: towline-runner run\n`,
  });
  t.equal((await loadIdentity(dir)).ca, joining.authority.certificatePem);
  t.match((await getSite(admin, 'berlin')).status, {
    publicKeyHash: /^sha256:/,
    redeemedTokenHash: site.spec?.join?.tokenHash ?? '',
    conditions: [{ type: 'Joined', status: 'True' }],
  });

  const used = await runLine(created.stdout, t.testdir({}));
  t.match(used, { code: 1, said: /^towline-runner join: .*works only once.*\n$/ });
  const renewed = await towlinectl(admin, ['site', 'token', 'berlin', '-n', 'acme']);
  t.equal((await runLine(renewed.stdout, t.testdir({}))).code, 0);

  const listed = await towlinectl(admin, ['site', 'list', '-A']);
  t.match(
    listed.stdout,
    /^NAMESPACE +NAME +NODE +CONNECTED +VERSION +LAST SEEN +AGE\nacme +berlin/,
  );
  const columns = await kubectlChecked(admin, ['get', 'sites', '-n', 'acme', '-o', 'wide']);
  t.match(
    columns,
    /NAME +NODE +CONNECTED +VERSION +LAST SEEN +AGE +JOINED +ADDRESSES +DISCONNECTION/,
  );
  t.match(columns, /berlin .* True +Keep/);

  const late = await towlinectl(admin, [
    ...['site', 'token', 'berlin', '-n', 'acme', '--token-ttl', '1s', '-o', 'yaml'],
  ]);
  t.match(parse(late.stdout), { kind: 'Site', metadata: { name: 'berlin' } });
  const line = /^towline-runner .*$/m.exec(late.stderr)?.[0] ?? '';
  const expiresAt = (await getSite(admin, 'berlin')).spec?.join?.expiresAt ?? '';
  await until(Date.parse(expiresAt));
  t.match(await runLine(line, t.testdir({})), { code: 1, said: /the token has expired/ });

  t.equal((await towlinectl(admin, ['site', 'delete', 'berlin', '-n', 'acme'])).code, 0);
  const gone = await runLine(renewed.stdout, t.testdir({}));
  t.match(gone, { code: 1, said: /not one of site acme\/berlin, or there is no such site/ });
}

/** Waits for a moment of the clock. */
function until(timeMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, timeMs - Date.now()));
  });
}

async function mistakes(t: Test, admin: string): Promise<void> {
  const says = async (args: string[], expected: RegExp): Promise<void> => {
    const { code, stderr, stdout } = await towlinectl(admin, args);
    t.equal(code, 1, args.join(' '));
    t.match(stderr, expected);
    t.equal(stderr.trim().split('\n').length, 1, 'one line');
    t.equal(stdout, '');
  };
  await says(
    ['site', 'create', 'x', '-n', 'nowhere'],
    /no namespace nowhere: make it with "kubectl/,
  );
  await says(['site', 'create', 'X', '-n', 'acme'], /cannot be the name of a site/);
  await says(['site', 'create', 'x', '-n', 'acme', '--taint', 'a'], /is not a taint/);
  await says(['site', 'create', 'x', '-n', 'acme', '--node-label', 'a=b!'], /--node-label/);
  await says(['site', 'create', 'x', '-n', 'acme', '--token-ttl', 'soon'], /--token-ttl/);
  await says(['site', 'create', 'x', '-n', 'acme', '-o', 'xml'], /no output format "xml"/);
  await says(['site', 'token', 'none', '-n', 'acme'], /cannot read site acme\/none/);
  await says(['site', 'delete', 'none', '-n', 'acme'], /there is none of that name/);
  await says(
    ['site', 'create', 'x', '-n', 'acme', '--provider-namespace', 'other'],
    /ConfigMap other\/towline-provider, and it does not exist/,
  );
  await says(['site', 'list', '--context', 'none'], /there is no context "none"/);
  t.equal((await towlinectl(admin, ['site', 'create', 'x', '-n', 'acme'])).code, 0);
  await says(['site', 'create', 'x', '-n', 'acme'], /it exists already/);
  const missing = ['delete', 'crd', 'sites.towline.dev'];
  await kubectlChecked(admin, missing);
  await says(['site', 'list'], /no sites\.towline\.dev: install Towline/);
}
