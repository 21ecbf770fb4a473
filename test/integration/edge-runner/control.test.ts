import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { spawn, type ChildProcess } from 'node:child_process';
import { chosenRunner } from '../../../hack/lab/runner-program.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { StatusAnswer } from '../../../src/edge-runner/control/messages.ts';
import { CutOffSite, isReady } from './cut-off-site.ts';
import { asDesired, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `control-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });
const site = await CutOffSite.create(device);
const script = 'echo one; echo two; trap "exit 0" TERM; while :; do sleep 0.1; done';
const main = { name: 'main', image: busyboxImage, command: ['sh', '-c', script] };
const other = { ...makePod('web', { containers: [main] }) };
other.metadata = { ...other.metadata, namespace: 'paris' };
const readinessProbe = { exec: { command: ['false'] } };
site.seed(
  asDesired('Pod', makePod('lame', { containers: [{ ...main, readinessProbe }] })),
  asDesired('Pod', makePod('web', { containers: [main] })),
  asDesired('Pod', makePod('pump', { containers: [main, { ...main, name: 'side' }] })),
  asDesired('Pod', other),
);

void t.test('without a runner the commands say so in one line', async (t) => {
  const { stdout, stderr, code } = await site.cli(['pods']);
  t.same([stdout, code], ['', 1]);
  t.match(stderr, /^towline-runner pods: no runner answers at \S+control.sock \(ENOENT\): .*\n$/);
});

void t.test('help says of a command what its --help says', async (t) => {
  const { command, args } = chosenRunner();
  for (const name of ['join', 'logs']) {
    const asked = await device.run(command, [...args, 'help', name]);
    t.same(asked, await device.run(command, [...args, name, '--help']));
    t.match(asked, { code: 0, stdout: new RegExp(`^Usage: towline-runner ${name} `) });
  }
  t.match(await device.run(command, [...args, 'help', 'nonsense']), { code: 1, stdout: '' });
});

void t.test('a person at the device sees what runs while nobody can reach the cloud', async (t) => {
  await site.start();
  await site.until('all to run, and three to be ready', (pods) => {
    const running = pods.filter(({ status }) => status?.phase === 'Running');
    return running.length === 4 && pods.filter(isReady).length === 3;
  });

  await t.test('nobody but root can ask', async (t) => {
    const { mode } = await stat(join(site.memoryDir, 'control.sock'));
    t.equal(mode & 0o777, 0o600);
    const folder = await stat(site.memoryDir);
    t.equal(folder.mode & 0o007, 0);
  });

  await t.test('status', async (t) => {
    const { stdout } = await site.cli(['status']);
    t.match(
      stdout,
      /^Site: {5}acme\/berlin\nNode: {5}berlin\.acme\nRunner: {3}\S+, since \S+ \(\d+s\)\n/,
    );
    t.match(stdout, /Cloud: +not connected, never seen: \S+/);
    t.match(
      stdout,
      /Runtime: +containerd:\/\/\S+, ready\nNetwork: +by a CNI configuration of somebody else\nPods: +4, 3 of them ready\n/,
    );
    t.match(stdout, /Unsent: +4 pod statuses, \d+ events\n$/);
    const { stdout: json } = await site.cli(['status', '-o', 'json']);
    const answer = JSON.parse(json) as StatusAnswer;
    t.match(answer, { site: 'berlin', cloud: { connected: false }, pods: { total: 4, ready: 3 } });
  });

  await t.test('pods', async (t) => {
    const { stdout } = await site.cli(['pods']);
    t.match(stdout, /^NAMESPACE {3}NAME {3}READY {3}STATUS {4}RESTARTS {3}AGE\n/);
    t.match(stdout, /\nberlin {6}pump {3}2\/2 {5}Running {3}0 /);
    t.equal((await site.cli(['pods', '-n', 'paris'])).stdout.trim().split('\n').length, 2);
    t.equal((await site.cli(['pods', '-A'])).stdout.trim().split('\n').length, 5);
    t.equal((await site.cli(['pods', 'pod/pump'])).stdout.trim().split('\n').length, 2);
    const { stdout: one } = await site.cli(['pods', 'pump', '-o', 'json']);
    t.match(JSON.parse(one), {
      kind: 'Pod',
      metadata: { name: 'pump' },
      status: { phase: 'Running' },
    });
    t.match(await site.cli(['pods', 'none']), { code: 1, stderr: /there is no pod "none"/ });
    t.match(await site.cli(['pods', '-o', 'xml']), {
      code: 1,
      stderr: /"xml" is none of wide, json/,
    });
  });

  await t.test('describe', async (t) => {
    const { stdout } = await site.cli(['describe', 'pod', 'pump']);
    t.match(stdout, /Name: +pump\nNamespace: +berlin\n/);
    t.match(stdout, /side:\n {4}Container ID: +containerd:\/\//);
    t.match(stdout, /State: +Running since 20/);
    t.match(stdout, /Normal {3}Started /);
  });

  await t.test('logs', async (t) => {
    t.equal((await site.cli(['logs', 'pump'])).stdout, 'one\ntwo\n');
    t.equal((await site.cli(['logs', 'web', '-n', 'paris', '--tail', '1'])).stdout, 'two\n');
    t.match(await site.cli(['logs', 'pod/pump']), {
      stdout: 'one\ntwo\n',
      stderr: 'Defaulted container "main" out of: main, side\n',
    });
    t.equal((await site.cli(['logs', 'pump', '-c', 'side'])).stderr, '');
    const ambiguous = await site.cli(['logs', 'web']);
    t.match(ambiguous, { code: 1, stderr: /"web" is in several namespaces \(berlin, paris\)/ });
    t.match(await site.cli(['logs', 'pump', '-p']), { code: 1, stderr: /previous terminated/ });
    t.match(await site.cli(['logs', 'pump', '-c', 'x']), { code: 1, stderr: /"x" is not valid/ });
    t.match(await site.cli(['logs', 'pump', '--tail', '-1']), { code: 1 });
  });

  for (const [what, end] of [
    ['it is interrupted', (child: ChildProcess): unknown => child.kill('SIGINT')],
    ['the container ends', (): unknown => site.cli(['exec', 'pump', '--', 'kill', '1'])],
  ] as const) {
    await t.test(`logs -f goes on until ${what}`, async (t) => {
      const { command, args, env } = device.command(process.execPath, [
        ...['src/edge-runner/main.ts', 'logs', '-f', 'pump', '--memory-dir', site.memoryDir],
      ]);
      const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
      let seen = '';
      child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
      await waitFor(() => seen.includes('two'), { what: 'the log', timeoutMs: 15_000 });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      await end(child);
      t.equal(await ended, 0);
    });
  }

  await site.until('what has ended to run again', (pods) => {
    const pump = pods.find(({ metadata }) => metadata.name === 'pump');
    const restarts = pump?.status?.containerStatuses?.map(({ restartCount }) => restartCount);
    return pump !== undefined && isReady(pump) && restarts?.includes(1) === true;
  });

  await t.test('exec', async (t) => {
    const run = (...words: string[]): ReturnType<CutOffSite['cli']> => site.cli(['exec', ...words]);
    t.match(await run('pump', '--', 'echo', 'hi'), {
      ...{ stdout: 'hi\n', code: 0 },
      stderr: 'Defaulted container "main" out of: main, side\n',
    });
    t.match(await run('pod/pump', '-c', 'main', '--', 'sh', '-c', 'echo no >&2; exit 7'), {
      stderr: 'no\n',
      code: 7,
    });
    const big = await run('pump', '-c', 'side', '--', 'head', '-c', '3000000', '/dev/zero');
    t.equal(big.stdout.length, 3_000_000);
    t.match(await run('pump', '-c', 'main', '--', 'nothing-of-the-kind'), {
      code: 1,
      stderr: /^towline-runner exec: /,
    });
    t.match(await run('pump'), { code: 1, stderr: /say behind -- what to run/ });
    t.match(await run('pump', 'uname'), { code: 1, stderr: /as in "exec pump -- uname"/ });
    const typed = await site.cli(['exec', '-i', 'pump', '--', 'head', '-n', '1'], {
      input: 'abc\n',
    });
    t.match(typed, { stdout: 'abc\n', code: 0 });
  });
  await site.stop();
});
