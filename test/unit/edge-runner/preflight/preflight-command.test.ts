import t from 'tap';
import { preflightCommand } from '../../../../src/edge-runner/preflight/preflight-command.ts';
import { sourcesOf } from './device-root.ts';

async function call(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const status = await preflightCommand(argv, {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    signal: new AbortController().signal,
  });
  return { status, out, err };
}

void t.test('prints a line for each check, and ends with 1 when pods cannot run', async (t) => {
  const { root = '' } = await sourcesOf(t, { files: { 'usr/bin/containerd': undefined } });
  const args = ['--root', root, '--containerd', `${root}/none.sock`];
  const text = await call(...args);
  t.equal(text.status, 1);
  t.match(
    text.out,
    /^failed {2}containerd +containerd is not installed: install it \(Debian package containerd\)$/m,
  );
  t.match(text.out, /^ok {6}kernel +6\.1\.0-rpi7$/m);
  t.match(text.out, /\nPods cannot run here yet\.\n$/);

  const json = await call('-o', 'json', ...args);
  t.equal(json.status, 1);
  const answer = JSON.parse(json.out) as { ok: boolean; checks: { name: string }[] };
  t.equal(answer.ok, false);
  t.match(
    answer.checks.find(({ name }) => name === 'containerd'),
    { status: 'failed', package: 'containerd', remedy: 'install it' },
  );
});

void t.test('says in one line what is wrong with the command line', async (t) => {
  t.match(await call('-o', 'yaml'), {
    status: 1,
    err: /^towline-runner preflight: -o: "yaml" .*\n$/,
  });
  t.match(await call('--nope'), { status: 1, err: /^towline-runner preflight: Unknown .*\n$/ });
  t.match(await call('--help'), { status: 0, out: /^Usage: towline-runner preflight/ });
});
