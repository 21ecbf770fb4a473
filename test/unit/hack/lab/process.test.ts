import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { run, runChecked } from '../../../../hack/lab/command.ts';
import { identify, isAlive } from '../../../../hack/lab/process-identity.ts';
import { findProcesses, killAll } from '../../../../hack/lab/process-scan.ts';
import { startProcess } from '../../../../hack/lab/process.ts';
import { waitFor } from '../../../../hack/lab/wait.ts';

function sh(script: string, name: string, dir: string, env = {}): ReturnType<typeof startProcess> {
  const logFile = join(dir, `${name}.log`);
  return startProcess({ name, command: 'sh', args: ['-c', script], logFile, env });
}

await t.test('a process that ends before it is ready says its last words', async (t) => {
  const started = await sh('echo all is lost; exit 3', 'loser', t.testdir({}));
  const ready = started.readyWhen(() => false, { what: 'loser ready', timeoutMs: 10_000 });
  await t.rejects(ready, {
    code: 'command-failed',
    message: /loser \(pid \d+\) ended with 3 before it was ready:\nall is lost/,
  });
});

await t.test('a process that ignores SIGTERM is killed with its group', async (t) => {
  const dir = t.testdir({});
  const script = `trap '' TERM; sleep 1000 & echo $! > ${dir}/child; wait`;
  const stubborn = await sh(script, 'stubborn', dir);
  await stubborn.readyWhen(() => existsSync(join(dir, 'child')), {
    what: 'its child',
    timeoutMs: 10_000,
  });
  const child = Number(await runChecked('cat', [join(dir, 'child')]));
  t.match(await stubborn.stop(100), { signal: 'SIGKILL' });
  await waitFor(() => identify(child) === undefined, { what: 'child gone', timeoutMs: 5_000 });
});

await t.test('a program that is not there is an error with a name', async (t) => {
  const logFile = join(t.testdir({}), 'x.log');
  const options = { name: 'x', command: '/no/such/program', args: [], logFile };
  await t.rejects(startProcess(options), { code: 'not-found' });
  await t.rejects(run('/no/such/program', []), { code: 'not-found' });
});

await t.test('a command is ended by its limit, and by the signal', async (t) => {
  await t.rejects(run('sleep', ['1000'], { timeoutMs: 50 }), { code: 'timeout' });
  await t.rejects(run('sleep', ['1000'], { signal: AbortSignal.timeout(50) }), { code: 'aborted' });
  await t.rejects(runChecked('sh', ['-c', 'echo because >&2; exit 7']), {
    code: 'command-failed',
    message: /ended with 7: because/,
  });
  t.match(await run('cat', [], { input: 'in and out' }), { stdout: 'in and out', code: 0 });
});

await t.test('an identity is not that of another process', (t) => {
  const own = identify(process.pid);
  t.ok(own !== undefined && isAlive(own));
  t.notOk(own !== undefined && isAlive({ ...own, startTicks: own.startTicks + 1 }));
  t.notOk(own !== undefined && isAlive({ ...own, bootId: 'another' }));
  t.equal(identify(2 ** 30), undefined);
  t.end();
});

await t.test('marked processes are found with their children, and killed', async (t) => {
  const dir = t.testdir({});
  const marked = await sh('env -i sleep 1000 & wait', 'marked', dir, { TOWLINE_TEST_MARK: dir });
  const unmarked = await sh('sleep 1000', 'unmarked', dir);
  t.teardown(() => unmarked.kill());
  const scan = { environment: [`TOWLINE_TEST_MARK=${dir}`] };
  await waitFor(() => findProcesses(scan).length === 2, { what: 'both', timeoutMs: 5_000 });
  t.ok(findProcesses(scan).includes(marked.pid));
  await killAll(() => findProcesses(scan));
  t.notOk(marked.isRunning() && identify(marked.pid) !== undefined);
  t.ok(unmarked.isRunning());
});
