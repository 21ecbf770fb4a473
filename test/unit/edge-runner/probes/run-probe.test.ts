import t from 'tap';
import { CriError, type CriErrorCode } from '../../../../src/edge-runner/cri/cri-error.ts';
import type { Executor } from '../../../../src/edge-runner/probes/exec-handler.ts';
import { createRunProbe } from '../../../../src/edge-runner/probes/run-probe.ts';
import { localTarget, unaborted } from './targets.ts';

interface Call {
  cmd?: readonly string[] | undefined;
  timeout?: number | undefined;
}

/** A runtime in which every command ends as a test says. */
function runtime(answer: { stdout?: string; stderr?: string; exitCode?: number } | CriErrorCode): {
  cri: Executor;
  calls: Call[];
} {
  const calls: Call[] = [];
  const cri: Executor = {
    execSync: ({ cmd, timeout }) => {
      calls.push({ cmd, timeout });
      if (typeof answer === 'string') return Promise.reject(criError(answer));
      const { stdout = '', stderr = '', exitCode = 0 } = answer;
      return Promise.resolve({
        stdout: Buffer.from(stdout),
        stderr: Buffer.from(stderr),
        exitCode,
      });
    },
  };
  return { cri, calls };
}

function criError(code: CriErrorCode): CriError {
  const call = { method: 'ExecSync', detail: 'it said so', answered: true, socketPath: '/x' };
  return new CriError(code, call);
}

const exec = { command: ['sh', '-c', 'test $(PORT) $(SECRET) $$(PORT)'] };

void t.test('a command’s exit code decides', async (t) => {
  const good = runtime({ stdout: 'fine\n' });
  t.same(await createRunProbe(good.cri)({ exec }, localTarget, unaborted), {
    result: 'success',
    output: 'fine\n',
  });
  const bad = runtime({ stdout: 'out', stderr: 'err', exitCode: 2 });
  t.same(await createRunProbe(bad.cri)({ exec }, localTarget, unaborted), {
    result: 'failure',
    output: 'outerr',
  });
  t.equal(bad.calls.length, 1, 'a failure is not tried again at once');
});

void t.test('literal variables are known to a command, others are not', async (t) => {
  const { cri, calls } = runtime({});
  const env = [
    { name: 'PORT', value: '80' },
    { name: 'SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
  ];
  const target = { ...localTarget, container: { name: 'web', env } };
  await createRunProbe(cri)({ exec, timeoutSeconds: 4 }, target, unaborted);
  t.same(calls, [{ cmd: ['sh', '-c', 'test 80  $(PORT)'], timeout: 4 }]);
});

void t.test('a command that takes too long has failed', async (t) => {
  const { cri, calls } = runtime('DEADLINE_EXCEEDED');
  const slow = { exec: { command: ['sleep', '9'] } };
  t.same(await createRunProbe(cri)(slow, localTarget, unaborted), {
    result: 'failure',
    output: 'command timed out: "sleep 9" timed out after 1s',
  });
  t.equal(calls.length, 1);
});

void t.test('a command that could not be run is tried three times and says nothing', async (t) => {
  const { cri, calls } = runtime('NOT_FOUND');
  t.same(await createRunProbe(cri)({ exec }, localTarget, unaborted), {
    result: 'error',
    output: 'rpc error: code = NotFound desc = it said so',
  });
  t.equal(calls.length, 3);
});

void t.test('output is kept to 10 KiB', async (t) => {
  const { cri } = runtime({ stdout: 'x'.repeat(9_000), stderr: 'y'.repeat(90_000) });
  const { output } = await createRunProbe(cri)({ exec }, localTarget, unaborted);
  t.equal(output, 'x'.repeat(9_000) + 'y'.repeat(10 * 1024 - 9_000));
});

void t.test('a probe without an action', async (t) => {
  t.match(await createRunProbe(runtime({}).cri)({}, localTarget, unaborted), { result: 'error' });
});
