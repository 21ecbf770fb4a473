import pino from 'pino';
import t from 'tap';
import type { StaticPodReport } from '../../../../src/protocol/report.ts';
import {
  SiteReports,
  type SiteReportsOptions,
} from '../../../../src/provider/report/site-reports.ts';
import { turns } from '../desired/desired-fixture.ts';

function unused(): never {
  throw new Error('not asked');
}

void t.test('a list of static pods waits for the site’s turn', async (t) => {
  const turn = Promise.withResolvers<undefined>();
  const told: string[] = [];
  const options: SiteReportsOptions = {
    nodeName: 'site.tenant',
    client: { create: unused },
    pods: { get: unused, ofNode: unused, malformedOf: unused, subscribe: unused },
    statuses: { report: unused },
    events: { write: unused },
    mirrors: {
      digestOf: unused,
      shows: unused,
      told: (nodeName: string, pods: readonly StaticPodReport[]) => {
        told.push(`${nodeName} ${pods.length}`);
      },
    },
    nodes: { report: unused, reportOf: unused, exists: unused },
    onNodeReport: unused,
    turn: () => turn.promise,
    log: pino({ level: 'silent' }),
  };
  const done = new SiteReports(options).staticPods([]);
  await turns(20);
  t.same(told, []);
  turn.resolve(undefined);
  await done;
  t.same(told, ['site.tenant 0']);
});
