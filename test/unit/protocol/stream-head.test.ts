import t from 'tap';
import { isInteractive, type ProviderStreamHead } from '../../../src/protocol/stream-head.ts';

const name = { namespace: 'berlin', pod: 'shop', container: 'web' };
const upgrade = { method: 'POST' as const, headers: [] };
const io = { stdin: true, stdout: true, stderr: true, upgrade };

void t.test('only a terminal comes before bulk data', (t) => {
  const cases: [ProviderStreamHead, boolean][] = [
    [{ type: 'exec', ...name, ...io, command: ['sh'], tty: true }, true],
    [{ type: 'exec', ...name, ...io, command: ['tar', 'cf', '-'], tty: false }, false],
    [{ type: 'attach', ...name, ...io, tty: true }, true],
    [{ type: 'attach', ...name, ...io, tty: false }, false],
    [{ type: 'port-forward', namespace: 'berlin', pod: 'shop', ports: [80], upgrade }, false],
    [{ type: 'logs', ...name, follow: true, previous: false, timestamps: false }, false],
  ];
  for (const [head, expected] of cases) {
    t.equal(isInteractive(head), expected, JSON.stringify(head));
  }
  t.end();
});
