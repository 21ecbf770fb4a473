import t from 'tap';
import { LogError } from '../../../../src/edge-runner/logs/log-error.ts';
import { parseLogOptions } from '../../../../src/edge-runner/logs/log-options.ts';

void t.test('takes seconds back from now, and a time as it is', (t) => {
  t.same(parseLogOptions({ sinceSeconds: 2 }, 10_500).since, { seconds: 8, nanos: 500_000_000 });
  t.same(parseLogOptions({ sinceTime: '1970-01-01T01:00:09.25+01:00' }, 0).since, {
    seconds: 9,
    nanos: 250_000_000,
  });
  t.end();
});

void t.test('refuses what the API server refuses', (t) => {
  for (const options of [
    { tailLines: -1 },
    { tailLines: 1.5 },
    { sinceSeconds: 0 },
    { limitBytes: 0 },
    { limitBytes: NaN },
    { sinceTime: 'yesterday' },
    { sinceTime: '2026-13-01T00:00:00Z' },
    { sinceSeconds: 1, sinceTime: '2026-01-01T00:00:00Z' },
  ]) {
    t.throws(
      () => parseLogOptions(options, 0),
      { name: 'LogError', code: 'LOG_BAD_OPTION' },
      JSON.stringify(options),
    );
  }
  t.ok(new LogError('LOG_BAD_OPTION', 'x') instanceof Error);
  t.end();
});
