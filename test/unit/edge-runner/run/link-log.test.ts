import t from 'tap';
import { LinkLog } from '../../../../src/edge-runner/run/link-log.ts';
import { sameFailureIntervalMs } from '../../../../src/edge-runner/run/limits.ts';
import { TunnelError } from '../../../../src/tunnel/errors.ts';

void t.test('a failure that stays the same is told once, and again after its interval', (t) => {
  let nowMs = 0;
  const told: string[] = [];
  const teller =
    (level: string) =>
    (...parts: unknown[]): void => {
      told.push(`${level} ${String(parts.at(-1))}`);
    };
  const log = new LinkLog(
    { debug: teller('debug'), info: teller('info'), warn: teller('warn') },
    () => nowMs,
  );
  const fail = (message: string): string | undefined => {
    log.tell({
      kind: 'disconnected',
      error: new TunnelError('CONNECTION_REFUSED', message),
      retryInMs: 1,
    });
    return told.at(-1);
  };
  t.equal(fail('refused'), 'warn not connected to the provider: refused');
  nowMs = sameFailureIntervalMs - 1;
  t.equal(fail('refused'), 'debug not connected to the provider: refused');
  t.equal(fail('no such name'), 'warn not connected to the provider: no such name');
  t.match(fail('refused'), /^debug/, 'two that take turns are both known');
  nowMs += sameFailureIntervalMs;
  t.equal(fail('refused'), 'warn not connected to the provider: refused', 'after its interval');
  log.tell({ kind: 'connected', address: 'wss://p' });
  t.equal(told.at(-1), 'info connected to the provider');
  t.equal(fail('refused'), 'warn not connected to the provider: refused', 'a new outage');
  t.end();
});
