import pino from 'pino';
import t from 'tap';
import type { Pod } from '../../../../src/kube/api.ts';
import type {
  EventReport,
  NodeReport,
  PodReport,
  TokenRequest,
} from '../../../../src/protocol/report.ts';
import { maxTokenWaitMs, siteWrites, tokenRequests } from '../../../../src/provider/limits.ts';
import {
  SiteReports,
  type SiteReportsOptions,
} from '../../../../src/provider/report/site-reports.ts';
import { SiteWriteRates } from '../../../../src/provider/report/site-write-rates.ts';
import { WriteRate } from '../../../../src/provider/report/write-rate.ts';
import { podOf, turns } from '../desired/desired-fixture.ts';

const pod = { namespace: 'n', name: 'a', uid: 'a-uid' };
const serviceAccountToken = { path: 'token', expirationSeconds: 3600 };
const bound: Pod = podOf('a', {
  volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken }] } }],
});
const event: EventReport = {
  ...{ id: '1', pod, type: 'Normal', reason: 'Started', message: 'm', count: 1 },
  ...{ firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:00Z' },
};
const wish: TokenRequest = {
  type: 'token-request',
  ...{ id: 1, pod, serviceAccount: 'default', audiences: [], expirationSeconds: 3600 },
};

/** A cluster that takes all, and what was written to it. */
function scene(options: Partial<SiteReportsOptions> = {}): {
  reports: SiteReports;
  written: string[];
} {
  const written: string[] = [];
  const write = (what: string): Promise<void> => Promise.resolve(void written.push(what));
  const status = { token: 't', expirationTimestamp: '2026-01-01T01:00:00Z' };
  const create = async (): Promise<unknown> => {
    await write('token');
    return { status };
  };
  const reports = new SiteReports({
    nodeName: 'site.tenant',
    client: { create: create as SiteReportsOptions['client']['create'] },
    pods: {
      get: () => bound,
      ofNode: () => [bound],
      malformedOf: () => [],
      subscribe: () => () => undefined,
    },
    statuses: { report: () => write('pod') },
    events: { write: () => write('event') },
    mirrors: {
      digestOf: () => undefined,
      shows: () => true,
      told: () => void written.push('static-pods'),
    },
    nodes: {
      report: () => write('node'),
      reportOf: () => undefined,
      exists: () => Promise.resolve(true),
    },
    onNodeReport: () => undefined,
    turn: () => Promise.resolve(),
    takeToken: () => Promise.resolve(true),
    tokenRate: { turnWithin: () => Promise.resolve(true) },
    log: pino({ level: 'silent' }),
    ...options,
  });
  return { reports, written };
}

void t.test('whatever a site reports waits for its turn', async (t) => {
  const tells: Record<string, (reports: SiteReports) => Promise<unknown>> = {
    'static-pods': (reports) => reports.staticPods([]),
    pod: (reports) => reports.pod({ ...pod, gone: false, status: {} } satisfies PodReport),
    event: (reports) => reports.event(event),
    node: (reports) => reports.node({} as NodeReport),
    token: (reports) => reports.token(wish),
  };
  for (const [what, tell] of Object.entries(tells)) {
    const turn = Promise.withResolvers<undefined>();
    const { reports, written } = scene({ turn: () => turn.promise });
    const done = tell(reports);
    await turns(20);
    t.same(written, [], what);
    turn.resolve(undefined);
    await done;
    t.same(written, [what]);
  }
});

void t.test(
  'tokens of all sites come at one rate, and who would wait too long is put off',
  async (t) => {
    let nowMs = 0;
    const tokenRate = new WriteRate(tokenRequests, () => nowMs);
    const sites = [scene({ tokenRate }), scene({ tokenRate })];
    const each = Array.from({ length: tokenRequests.burst / sites.length });
    const answers = await Promise.all(
      sites.flatMap(({ reports }) => each.map(() => reports.token(wish))),
    );
    t.ok(answers.every(({ ok }) => ok));
    // Those who wait, without their waiting.
    while (tokenRate.take() < maxTokenWaitMs);
    const refused = await sites[0]?.reports.token(wish);
    t.match(refused, { ok: false, retryable: true, message: /more tokens than/ });
    nowMs += 60_000;
    t.match(await sites[0]?.reports.token(wish), { ok: true }, 'later there is room again');
    t.equal(sites.flatMap(({ written }) => written).length, tokenRequests.burst + 1);
  },
);

void t.test('sites that ask for tokens without end keep none from the others', async (t) => {
  let nowMs = 0;
  const clock = (): number => nowMs;
  const tokenRate = new WriteRate(tokenRequests, clock);
  const rates = new SiteWriteRates(undefined, clock);
  const sceneOf = (nodeName: string): ReturnType<typeof scene> =>
    scene({ tokenRate, takeToken: () => rates.takeToken(nodeName) });
  const hostile = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => sceneOf(`${name}.acme`));
  for (const { reports } of hostile) {
    for (let i = 0; i < 50; i += 1) await reports.token(wish);
  }
  // As many as their reports let them ask for.
  const asked = siteWrites.perSecond;
  for (let second = 0; second < 120; second += 1) {
    nowMs += 1_000;
    for (const { reports } of hostile) {
      for (let i = 0; i < asked; i += 1) void reports.token(wish);
    }
    await turns(5);
  }
  t.match(await hostile[0]?.reports.token(wish), {
    ok: false,
    retryable: true,
    message: /one may/,
  });
  const waitMs = tokenRate.take();
  t.equal(waitMs, 0, 'there is no backlog');
  t.match(await sceneOf('honest.acme').reports.token(wish), { ok: true });
  rates.forget('a.acme');
  t.match(await hostile[0]?.reports.token(wish), { ok: true }, 'its Site is another one');
});
