import t from 'tap';
import { ServiceAccountTokens } from '../../../../src/edge-runner/pod/service-account-tokens.ts';
import { RunnerError } from '../../../../src/edge-runner/errors.ts';
import { SqliteStore } from '../../../../src/edge-runner/store/sqlite-store.ts';
import { makeSealer } from '../store/fixture.ts';
import { makePod } from './make-observed.ts';

const yearMs = 365 * 86_400_000;
const projection = { path: 'token' };
const realMs = Date.parse('2026-06-01T00:00:00Z');

/** A token that the cloud issues now, for an hour. */
function jwt(number: number): string {
  const iat = realMs / 1000;
  const payload = Buffer.from(JSON.stringify({ iat, exp: iat + 3600, number }));
  return `e30.${payload.toString('base64url')}.c2ln`;
}

function bench(deviceMs: number): {
  tokens: ServiceAccountTokens;
  set: (ms: number) => void;
  requests: () => number;
  link: { up: boolean };
  disk: { isFull: boolean };
  mounted: { token: string | undefined };
  warnings: () => number;
  /** How often a token was read from the store. */
  reads: () => number;
  restart: () => ServiceAccountTokens;
} {
  let nowMs = deviceMs;
  let requests = 0;
  const link = { up: true };
  const store = new SqliteStore(':memory:', { sealer: makeSealer() });
  const writeToken = store.writeToken.bind(store);
  store.writeToken = (...token): void => {
    if (disk.isFull) throw new RunnerError('STORE_FAILED', 'full');
    writeToken(...token);
  };
  const readToken = store.token.bind(store);
  let reads = 0;
  store.token = (...place) => {
    reads += 1;
    return readToken(...place);
  };
  const disk = { isFull: false };
  const mounted: { token: string | undefined } = { token: undefined };
  let warnings = 0;
  const options = {
    ...{ store, log: { warn: () => (warnings += 1) } },
    now: (): number => nowMs,
    mounted: () => Promise.resolve(mounted.token),
    request: () => {
      if (!link.up) return Promise.reject(new Error('no link'));
      requests += 1;
      const expirationTimestamp = new Date(realMs + 3_600_000).toISOString();
      return Promise.resolve({ token: jwt(requests), expirationTimestamp });
    },
  };
  const tokens = new ServiceAccountTokens(options);
  const set = (ms: number): void => {
    nowMs = ms;
  };
  return {
    ...{ tokens, set, link, disk, mounted },
    ...{ requests: () => requests, warnings: () => warnings, reads: () => reads },
    restart: () => new ServiceAccountTokens(options),
  };
}

for (const [what, offsetMs] of [
  ['right', 0],
  ['a year behind', -yearMs],
  ['a year ahead', yearMs],
] as const) {
  void t.test(`with a clock that is ${what} a token is renewed at 80 % of its life`, async (t) => {
    const { tokens, set, requests } = bench(realMs + offsetMs);
    await tokens.token(makePod(), projection);
    set(realMs + offsetMs + 47 * 60_000);
    await tokens.token(makePod(), projection);
    t.equal(requests(), 1);
    set(realMs + offsetMs + 49 * 60_000);
    await tokens.token(makePod(), projection);
    t.equal(requests(), 2);
  });
}

void t.test(
  'a clock that is set back makes a token doubtful, and it is asked for anew',
  async (t) => {
    const { tokens, set, requests, link } = bench(realMs + yearMs);
    const first = await tokens.token(makePod(), projection);
    set(realMs);
    link.up = false;
    t.equal(
      (await tokens.token(makePod(), projection)).token,
      first.token,
      'used on without the cloud',
    );
    link.up = true;
    await tokens.token(makePod(), projection);
    t.equal(requests(), 2);
  },
);

const withToken = makePod({
  volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: projection }] } }],
});

void t.test(
  'a token that the disk does not take is used, kept in memory, and renewed',
  async (t) => {
    const { tokens, set, requests, disk, warnings } = bench(realMs);
    disk.isFull = true;
    t.equal((await tokens.token(withToken, projection)).token, jwt(1));
    t.equal((await tokens.token(withToken, projection)).token, jwt(1));
    t.equal(requests(), 1);
    t.equal(warnings(), 1, 'and it is told');
    t.equal(tokens.renewAtMs(withToken), realMs + 48 * 60_000);
    disk.isFull = false;
    set(realMs + 49 * 60_000);
    t.equal((await tokens.token(withToken, projection)).token, jwt(2));
    t.equal(tokens.renewAtMs(withToken), realMs + 97 * 60_000);
    tokens.forget(withToken.metadata.uid ?? '');
    t.equal(tokens.renewAtMs(withToken), undefined);
  },
);

void t.test(
  'a clock that is set back while the runner runs makes a token due at once',
  async (t) => {
    const { tokens, set } = bench(realMs);
    await tokens.token(withToken, projection);
    set(realMs - yearMs);
    t.equal(tokens.renewAtMs(withToken), realMs - yearMs);
  },
);

void t.test('a token that comes when its pod is gone is not kept', async (t) => {
  const { tokens } = bench(realMs);
  const late = tokens.token(withToken, projection);
  tokens.forget(withToken.metadata.uid ?? '');
  t.equal((await late).token, jwt(1));
  t.equal(tokens.renewAtMs(withToken), undefined);
  await tokens.token(withToken, projection);
  t.equal(tokens.renewAtMs(withToken), realMs + 48 * 60_000, 'one for the pod that is back is');
});

void t.test(
  'a token that the store has lost is taken from the volume until the cloud is back',
  async (t) => {
    const { tokens, requests, link, mounted } = bench(realMs);
    link.up = false;
    await t.rejects(tokens.token(withToken, projection), { message: 'no link' });
    mounted.token = 'mounted';
    t.equal((await tokens.token(withToken, projection)).token, 'mounted');
    t.equal(tokens.renewAtMs(withToken), realMs, 'nobody knows how old it is');
    mounted.token = undefined;
    t.equal((await tokens.token(withToken, projection)).token, 'mounted', 'the store has it again');
    link.up = true;
    t.equal((await tokens.token(withToken, projection)).token, jwt(1));
    t.equal(requests(), 1);
  },
);

void t.test('when a token is due is known without reading it from the store again', async (t) => {
  const { tokens, reads, restart } = bench(realMs);
  t.equal(tokens.renewAtMs(withToken), undefined);
  t.equal(tokens.renewAtMs(withToken), undefined);
  t.equal(reads(), 1);
  await tokens.token(withToken, projection);
  const before = reads();
  t.equal(tokens.renewAtMs(withToken), realMs + 48 * 60_000);
  t.equal(reads(), before);
  const next = restart();
  t.equal(next.renewAtMs(withToken), realMs + 48 * 60_000);
  t.equal(next.renewAtMs(withToken), realMs + 48 * 60_000);
  t.equal(reads(), before + 1, 'a runner that starts anew reads it once');
});
