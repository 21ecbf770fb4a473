import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../../hack/lab/command.ts';

const root = join(import.meta.dirname, '../..');
const readme = await readFile(join(root, 'README.md'), 'utf8');
const kubeconfig = '/var/lib/towline-lab/demo/control-plane/admin.kubeconfig';

/** The shell blocks of the README that follow a mark. */
function blocks(mark: string): string[] {
  const pattern = new RegExp(`<!-- ${mark} -->\\n\\n\`\`\`sh\\n([\\s\\S]*?)\`\`\``, 'g');
  return Array.from(readme.matchAll(pattern), ([, block = '']) => block);
}

async function shell(script: string, timeoutMs = 180_000): Promise<string> {
  const { stdout, stderr, code } = await run('sh', ['-e', '-c', script], {
    ...{ cwd: root, timeoutMs },
    env: { ...process.env, KUBECONFIG: kubeconfig },
  });
  t.equal(code, 0, `${script.split('\n')[0] ?? ''} …\n${code === 0 ? '' : stdout + stderr}`);
  return stdout;
}

t.setTimeout(600_000);
t.teardown(() =>
  run('npm', ['run', '--silent', 'demo', '--', '--stop'], { cwd: root, timeoutMs: 60_000 }),
);

void t.test('the demo leaves a cluster up, at the kubeconfig that the README names', async (t) => {
  const told = await shell('npm run --silent demo', 400_000);
  t.match(told, `export KUBECONFIG=${kubeconfig}`);
  t.match(readme, `export KUBECONFIG=${kubeconfig}`);
  t.match(told, /# The link comes back[\s\S]*berlin\.acme +Ready/);
  t.match(told, /still the same container/);
});

void t.test('the five minutes', async (t) => {
  const [look = '', place = '', cut = '', stop] = blocks('walk-through');
  t.ok(stop, 'four steps were found');
  t.match(await shell(look), /lisbon\.acme +Ready/);
  t.match(await shell(place), /hello from shell\n/);
  t.match(await shell(cut), /shell +1\/1 +Running +0[\s\S]*still here/);
});

void t.test('the commands for a real cluster', async (t) => {
  const [apply = '', create = '', allow = ''] = blocks('install: cluster');
  t.match(await shell(apply), /sites\.towline\.dev/);
  t.match(await shell(create), /towline-runner join wss:\/\/\S+ --site shops\/berlin --token \S+/);
  t.match(await shell(allow), /berlin patched/);
});

void t.test(
  'a second run replaces what the first left up, and --once leaves nothing',
  async (t) => {
    t.match(await shell('npm run --silent demo -- --once', 400_000), /everything is removed again/);
    t.match(await shell('npm run --silent demo -- --stop'), /no demo is up/);
    const { stdout } = await run('ip', ['netns', 'list']);
    t.notMatch(stdout, /demo/);
  },
);
