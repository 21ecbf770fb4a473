import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { runProgram } from '../../../src/cli/program.ts';
import { cliVersion } from '../../../src/cli/version.ts';

const root = join(import.meta.dirname, '../../..');

async function cli(
  argv: string[],
  invokedAs = 'towlinectl',
  isTTY = false,
): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  const code = await runProgram(argv, invokedAs, {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text), isTTY },
    nowMs: () => 0,
  });
  return { code, stdout, stderr };
}

void t.test('it says its version, which is that of the package', async (t) => {
  const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  t.match(manifest, { version: cliVersion });
  t.match(await cli(['version']), { code: 0, stdout: `towlinectl ${cliVersion}\n`, stderr: '' });
});

void t.test('the plugin of kubectl calls itself by that name', async (t) => {
  t.match(await cli(['version'], 'kubectl-towline'), { stdout: `kubectl towline ${cliVersion}\n` });
  t.match(await cli(['--help'], 'kubectl-towline'), {
    code: 0,
    stdout: /^Usage: kubectl towline /,
  });
});

void t.test('mistakes on the command line end with 1 and say what is wrong', async (t) => {
  const usage = (problem: string): object => ({
    code: 1,
    stderr: new RegExp(`^towlinectl: ${problem}; see towlinectl --help\n$`),
    stdout: '',
  });
  t.match(await cli(['site', 'creat']), usage("unknown command 'creat' .Did you mean create.*"));
  t.match(await cli(['site', 'create']), usage("missing required argument 'name'"));
  t.match(await cli(['site', 'list', '--colour']), usage("unknown option '--colour'"));
});

void t.test('a missing or damaged kubeconfig is one line', async (t) => {
  const dir = t.testdir({ damaged: '{', empty: '{}' });
  for (const [file, expected] of [
    ['absent', /cannot be read: ENOENT/],
    ['damaged', /cannot be read/],
    ['empty', /has no current context/],
  ] as const) {
    const { code, stderr } = await cli(['site', 'list', '--kubeconfig', join(dir, file)]);
    t.equal(code, 1, file);
    t.match(stderr, expected);
    t.match(stderr, /^towlinectl: [^\n]+\n$/);
  }
});

void t.test('a cluster that does not answer is told with its address', async (t) => {
  const kubeconfig = kubeconfigFor(t, `https://127.0.0.1:${await unusedPort()}`);
  t.match(await cli(['site', 'list', '--kubeconfig', kubeconfig]), {
    code: 1,
    stderr: /^towlinectl: cannot list sites: .* https:\/\/127\.0\.0\.1:\d+ .*ECONNREFUSED.*\n$/,
  });
});

void t.test('what a device could not join with is refused', async (t) => {
  for (const [flags, problem] of [
    [['--provider-address', 'provider'], '--provider-address: "provider" is not an address'],
    [['--provider-address', 'wss://a:1,ws://b'], '--provider-address: "ws://b" is not an address'],
    [['--ca-hash', 'sha256:12'], '--ca-hash: give sha256: and 64 hexadecimal digits'],
    [['--provider-namespace', 'a b'], '"a b" cannot be the name of a namespace'],
  ] as const) {
    const kubeconfig = kubeconfigFor(t, 'https://127.0.0.1:1');
    const { code, stderr } = await cli([
      'site',
      'create',
      'x',
      ...flags,
      '--kubeconfig',
      kubeconfig,
    ]);
    t.equal(code, 1);
    t.ok(stderr.startsWith(`towlinectl: ${problem}`), stderr);
  }
});

void t.test(
  'an API server that says nothing is given up, and a person learns what is waited for',
  { timeout: 60_000 },
  async (t) => {
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const { port } = server.address() as AddressInfo;
    const argv = ['site', 'list', '--kubeconfig', kubeconfigFor(t, `https://127.0.0.1:${port}`)];
    const said = /cannot list sites: the API server at \S+ does not answer/;
    const [alone, watched] = await Promise.all([cli(argv), cli(argv, 'towlinectl', true)]);
    t.match(alone.stderr, said);
    t.match(alone.stderr, /^[^\n]+\n$/);
    t.match(watched.stderr, /^waiting for the API server at \S+ \.\.\.\ntowlinectl: [^\n]+\n$/);
  },
);

void t.test('the program file runs as it stands', (t) => {
  const main = join(root, 'src/cli/main.ts');
  const output = execFileSync(process.execPath, [main, 'version']).toString();
  t.equal(output, `towlinectl ${cliVersion}\n`);
  t.end();
});

function kubeconfigFor(t: Test, server: string): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: {} }],
  };
  return join(t.testdir({ config: JSON.stringify(config) }), 'config');
}

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
