import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { joinCommand } from '../../../../src/edge-runner/join/join-command.ts';

async function command(argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  const code = await joinCommand(argv, {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    signal: AbortSignal.timeout(20_000),
  });
  return { code, stdout, stderr };
}

const address = 'wss://127.0.0.1:1';
const caHash = `sha256:${'0'.repeat(64)}`;
const flags = ['--site', 'acme/shop', '--token', 'x', '--ca-hash', caHash];

void t.test('help goes to standard output', async (t) => {
  const { code, stdout, stderr } = await command(['--help']);
  t.equal(code, 0);
  t.match(stdout, /^Usage: towline-runner join ADDRESS --site TENANT\/NAME/);
  t.equal(stderr, '');
});

void t.test('a wrong command line ends with 1 and one line', async (t) => {
  const cases: [string[], RegExp][] = [
    [[], /give one ADDRESS/],
    [flags, /give one ADDRESS/],
    [[address, address, ...flags], /give one ADDRESS/],
    [[address], /--site is missing/],
    [[address, '--site', 'shop'], /TENANT\/NAME/],
    [[address, '--site', 'a/b/c'], /TENANT\/NAME/],
    [[address, '--site', 'acme/shop', '--ca-hash', 'sha256:12'], /64 hexadecimal digits/],
    [[address, '--site', 'acme/shop', '--ca-hash', caHash], /--token is missing/],
    [[address, ...flags, '--nonsense'], /'--nonsense'/],
    [['https://a.example', ...flags], /wss:\/\/provider\.example\.com:8443/],
    [['wss://a.example/path', ...flags], /not the address of a provider/],
    [['wss://a.example,', ...flags], /not the address of a provider/],
  ];
  for (const [argv, expected] of cases) {
    const { code, stdout, stderr } = await command(argv);
    t.equal(code, 1, argv.join(' '));
    t.match(stderr, expected);
    t.match(stderr, /^towline-runner join: [^\n]+\n$/);
    t.equal(stdout, '');
  }
});

void t.test(
  'a provider that is not there ends with 1 and one line, and leaves no identity',
  async (t) => {
    const dir = t.testdir({});
    const { code, stderr } = await command([address, ...flags, '--state-dir', dir]);
    t.equal(code, 1);
    t.match(stderr, /^towline-runner join: the provider does not answer at wss:\/\/127[^\n]+\n$/);
  },
);

void t.test('a key that is of no use is told before anybody is asked', async (t) => {
  const dir = t.testdir({ 'key.pem': 'rubbish' });
  await chmod(join(dir, 'key.pem'), 0o600);
  const state = join(dir, 'state');
  const given = ['--state-dir', state, '--key-file', join(dir, 'key.pem')];
  const { code, stderr } = await command([address, ...flags, ...given]);
  t.equal(code, 1);
  t.match(stderr, /^towline-runner join: .*key\.pem is no private key on P-256 [^\n]+\n$/);
  t.notOk((await readdir(dir)).includes('state'));
});
