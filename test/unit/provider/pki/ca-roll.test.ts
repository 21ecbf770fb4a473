import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { Site } from '../../../../src/kube/site.ts';
import { CertificateAuthority } from '../../../../src/provider/pki/authority.ts';
import { loadOrCreateCa } from '../../../../src/provider/pki/ca-secret.ts';
import { CaRoll } from '../../../../src/provider/pki/ca-roll.ts';
import { MemorySecrets } from './memory-secrets.ts';

const trustDomain = 'towline';
const nowMs = Date.now();

interface Provider {
  authority: CertificateAuthority;
  roll: CaRoll;
  /** The CA's hash, and the next one's, each time they were told as changed. */
  told: (string | undefined)[][];
  /** What it logged. */
  lines: string[];
  /** How often telling fails yet. */
  failures: { left: number };
}

/** A provider's roll over a shared Secret, request and Sites; it runs until the test ends. */
async function provider(
  t: Test,
  cluster: { secrets: MemorySecrets; request?: string; sites: Site[] },
): Promise<Provider> {
  const { secrets } = cluster;
  const { pairs } = await loadOrCreateCa({ secrets, trustDomain, nowMs });
  const authority = new CertificateAuthority({
    ...{ keyPair: pairs.current, next: pairs.next, trustDomain },
  });
  const told: Provider['told'] = [];
  const failures = { left: 0 };
  const lines: string[] = [];
  const roll = new CaRoll({
    ...{ authority, secrets, sites: () => cluster.sites, request: () => cluster.request },
    onChange: () => {
      if (failures.left-- > 0) return Promise.reject(new TypeError('told too early'));
      told.push([authority.caHash, authority.nextCaHash]);
      return Promise.resolve();
    },
    log: pino({}, { write: (line: string) => lines.push(line) }),
  });
  const stop = new AbortController();
  const running = roll.run(stop.signal);
  t.teardown(() => {
    stop.abort();
    return running;
  });
  return { authority, roll, told, lines, failures };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function joinedSite(): Site {
  return { metadata: { name: 'shop' }, status: { publicKeyHash: 'sha256:key' } };
}

void t.test('a CA is rolled: both trusted, then the new one alone', async (t) => {
  const site = joinedSite();
  const cluster = { secrets: new MemorySecrets(), sites: [site], request: '' };
  const { authority, roll, told } = await provider(t, cluster);
  const { caHash: old } = authority;
  cluster.request = 'rotate 1';
  roll.look();
  await until(() => authority.nextCaHash !== undefined);
  const next = authority.nextCaHash;
  t.equal(authority.caHash, old, 'listeners and join lines stay');
  t.equal(authority.siteIssuerHash, next, 'sites get certificates of the next one');
  t.equal(authority.trusted.length, 2);

  site.status = { ...site.status, caHash: next ?? '' };
  roll.siteChanged();
  await until(() => authority.nextCaHash === undefined);
  t.equal(authority.caHash, next);
  t.equal(authority.trusted.length, 1);
  await until(() => told.length === 2);
  t.strictSame(told, [
    [old, next],
    [next, undefined],
  ]);
  roll.look();
  roll.look();
  const again = await provider(t, cluster);
  again.roll.look();
  t.equal(again.authority.caHash, next, 'a request is carried out once, restarts or not');
});

void t.test('a site that is away holds the old CA, until a person gives it up', async (t) => {
  const cluster = { secrets: new MemorySecrets(), sites: [joinedSite()], request: 'rotate 1' };
  const { authority, roll, lines } = await provider(t, cluster);
  await until(() => authority.nextCaHash !== undefined);
  const next = authority.nextCaHash;
  roll.siteChanged();
  cluster.request = 'rotate 2';
  roll.look();
  await until(() => stored(cluster.secrets).done === 'rotate 2');
  t.equal(authority.nextCaHash, next, 'there is no third CA meanwhile');
  cluster.request = 'retire 3';
  roll.look();
  await until(() => stored(cluster.secrets).done === 'retire 3');
  t.equal(authority.nextCaHash, next, 'nor is it given up without force, whoever asks');
  t.match(lines.join(''), /nothing is done for this request/);
  cluster.request = 'force-retire 4';
  roll.look();
  await until(() => authority.nextCaHash === undefined);
  t.equal(authority.caHash, next);
});

void t.test('two providers end with the same CA, whoever stores it', async (t) => {
  const cluster = { secrets: new MemorySecrets(), sites: [joinedSite()], request: '' };
  const first = await provider(t, cluster);
  const second = await provider(t, cluster);
  cluster.request = 'rotate 1';
  first.roll.look();
  second.roll.look();
  await until(
    () =>
      first.authority.nextCaHash !== undefined &&
      first.authority.nextCaHash === second.authority.nextCaHash,
  );
  t.equal(first.authority.caHash, second.authority.caHash);
});

void t.test('what could not be told is told later', async (t) => {
  const cluster = { secrets: new MemorySecrets(), sites: [joinedSite()], request: 'rotate 1' };
  const { authority, told, failures } = await provider(t, cluster);
  failures.left = 1;
  await until(() => told.length === 1);
  t.strictSame(told, [[authority.caHash, authority.nextCaHash]]);
});

void t.test('a Secret that is gone changes nothing', async (t) => {
  const cluster = { secrets: new MemorySecrets(), sites: [joinedSite()], request: '' };
  const { authority, roll, lines } = await provider(t, cluster);
  const { caHash } = authority;
  const kept = new Map(cluster.secrets.stored);
  cluster.secrets.stored.clear();
  cluster.request = 'rotate 1';
  roll.look();
  await until(() => lines.some((line) => /the CA is gone/.test(line)));
  t.equal(authority.caHash, caHash);
  t.equal(cluster.secrets.stored.size, 0, 'and none is made in its place');
  for (const [name, secret] of kept) cluster.secrets.stored.set(name, secret);
  roll.look();
  await until(() => authority.nextCaHash !== undefined);
});

function stored(secrets: MemorySecrets): { done: string | undefined } {
  const { annotations } = secrets.stored.get('towline-ca')?.metadata ?? {};
  return { done: annotations?.['towline.dev/ca-request-done'] };
}
