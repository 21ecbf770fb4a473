import { readFileSync } from 'node:fs';
import t from 'tap';
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
): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  const code = await runProgram(argv, invokedAs, {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
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
  t.match(await cli(['site', 'creat']), { code: 1, stderr: /unknown command 'creat'.*create/s });
  t.match(await cli(['site', 'create']), { code: 1, stderr: /missing required argument 'name'/ });
  t.match(await cli(['site', 'list', '--colour']), { code: 1, stderr: /unknown option/ });
});

void t.test('a missing or damaged kubeconfig is one line', async (t) => {
  const dir = t.testdir({ damaged: '{', empty: '{}' });
  for (const [file, expected] of [
    ['absent', /cannot be read: ENOENT/],
    ['damaged', /cannot be read/],
    ['empty', /there is no/],
  ] as const) {
    const { code, stderr } = await cli(['site', 'list', '--kubeconfig', join(dir, file)]);
    t.equal(code, 1, file);
    t.match(stderr, expected);
    t.match(stderr, /^towlinectl: [^\n]+\n$/);
  }
});

void t.test('a cluster that does not answer is told with its address', async (t) => {
  const port = await unusedPort();
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${port}` } }],
    users: [{ name: 'u', user: {} }],
  };
  const dir = t.testdir({ config: JSON.stringify(config) });
  t.match(await cli(['site', 'list', '--kubeconfig', join(dir, 'config')]), {
    code: 1,
    stderr: /^towlinectl: cannot list sites: .* https:\/\/127\.0\.0\.1:\d+ .*ECONNREFUSED.*\n$/,
  });
});

void t.test('the program file runs as it stands', (t) => {
  const main = join(root, 'src/cli/main.ts');
  const output = execFileSync(process.execPath, [main, 'version']).toString();
  t.equal(output, `towlinectl ${cliVersion}\n`);
  t.end();
});

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
