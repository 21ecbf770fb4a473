import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { maxTerminationLogBytes } from '../../../../src/edge-runner/limits.ts';
import { TerminationMessages } from '../../../../src/edge-runner/pod/termination-messages.ts';
import type { ObservedContainer } from '../../../../src/edge-runner/pod/observed.ts';
import { makeExited, makeObserved } from './make-observed.ts';

async function message(
  container: Partial<ObservedContainer>,
  read: () => Promise<string> = () => Promise.resolve(''),
): Promise<string | undefined> {
  const messages = new TerminationMessages({ readTerminationLog: read });
  const observed = makeObserved({
    containers: [makeExited({ terminationMessageFile: '/log', message: 'runtime', ...container })],
  });
  await messages.update(observed);
  return messages.byContainer.get('web-0');
}

function logOf(lines: string[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'towline-log-'));
  t.teardown(() => {
    rmSync(dir, { recursive: true });
  });
  const path = join(dir, '0.log');
  writeFileSync(path, lines.map((line) => `2026-01-01T00:00:00Z stdout F ${line}\n`).join(''));
  return path;
}

void t.test('what is in the file, and the runtime’s word before it', async (t) => {
  t.equal(await message({}, () => Promise.resolve('own')), 'runtime: own');
  t.equal(await message({ message: '' }, () => Promise.resolve('own')), 'own');
  t.equal(await message({}), 'runtime');
});

void t.test('a file that cannot be read says so and stops nothing', async (t) => {
  const text = await message({ message: '' }, () => Promise.reject(new Error('ELOOP')));
  t.equal(text, 'Error on reading termination log /log: ELOOP');
});

void t.test('each is read once, and dropped with its container', async (t) => {
  let reads = 0;
  const messages = new TerminationMessages({
    readTerminationLog: () => {
      reads += 1;
      return Promise.resolve('own');
    },
  });
  const observed = makeObserved({ containers: [makeExited({ terminationMessageFile: '/log' })] });
  await messages.update(observed);
  await messages.update(observed);
  t.equal(reads, 1);
  await messages.update(makeObserved());
  t.equal(messages.byContainer.size, 0);
});

void t.test(
  'FallbackToLogsOnError takes the end of the log of a container that failed',
  async (t) => {
    const logPath = logOf(['first', 'x'.repeat(3 * maxTerminationLogBytes), 'last']);
    const policy = { terminationMessagePolicy: 'FallbackToLogsOnError', logPath };
    const text = await message({ ...policy, message: '' });
    t.equal(text?.length, maxTerminationLogBytes);
    t.ok(text?.endsWith('x\nlast\n'));
    t.equal(await message({ ...policy, exitCode: 0 }), 'runtime');
    t.equal(await message({ ...policy, logPath: '/nowhere' }), 'runtime');
  },
);
