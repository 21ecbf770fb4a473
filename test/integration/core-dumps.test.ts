import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';

const root = join(import.meta.dirname, '../..');

/** What of a process gets into core dumps; the kernel's default is 33. */
function filterOf({ pid }: ChildProcess): string {
  return readFileSync(`/proc/${pid}/coredump_filter`, 'utf8').trim();
}

/** A program of ours, at the moment at which it calls somebody who never answers. */
async function atItsFirstCall(
  t: Test,
  args: (port: number) => readonly string[],
): Promise<ChildProcess> {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const program = spawn(process.execPath, args(port), { cwd: root, stdio: 'ignore' });
  t.teardown(() => {
    program.kill('SIGKILL');
    silent.close();
  });
  await once(silent, 'connection');
  return program;
}

void t.test('a runner that a person starts keeps its memory out of core dumps', async (t) => {
  const hash = `sha256:${'0'.repeat(64)}`;
  const runner = await atItsFirstCall(t, (port) => [
    ...['src/edge-runner/main.ts', 'join', `wss://127.0.0.1:${port}`, '--site', 'acme/shop'],
    ...['--token', 'x', '--ca-hash', hash, '--state-dir', join(t.testdir({}), 'state')],
  ]);
  t.equal(filterOf(runner), '00000000');
});

void t.test('so does a provider', async (t) => {
  const provider = await atItsFirstCall(t, (port) => {
    const file = join(t.testdir({}), 'kubeconfig');
    writeFileSync(
      file,
      JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
        clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${port}` } }],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
        users: [{ name: 'u', user: { token: 'x' } }],
      }),
    );
    const flags = ['--listen', '127.0.0.1:0', '--node-address', '127.0.0.1'];
    const others = ['--public-address', 'wss://127.0.0.1:1', '--kubelet-ports', '0'];
    return ['src/provider/main.ts', '--kubeconfig', file, ...flags, ...others];
  });
  t.equal(filterOf(provider), '00000000');
});

/** A word in the memory of a process that aborts, made so that no program text has it. */
const word = ['kept', 'in', 'memory'].join('-');
const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim();
const writesFiles = /^core[^/|]*$/.test(pattern);

/** How often the word is in it. */
function countIn(dump: Buffer): number {
  let count = 0;
  for (let at = dump.indexOf(word); at >= 0; at = dump.indexOf(word, at + 1)) count += 1;
  return count;
}

/** What the kernel wrote when a process aborted that has the word a thousand times in its memory. */
async function dumpOf(t: Test, before: string): Promise<Buffer> {
  const dir = t.testdir({});
  const program = `
    const { keepMemoryFromCoreDumps } = await import('${root}/src/tunnel/core-dumps.ts');
    ${before};
    globalThis.kept = Buffer.alloc(16_384, ['kept', 'in', 'memory', ''].join('-'));
    process.abort();`;
  writeFileSync(join(dir, 'program.mjs'), program);
  const shell = spawn(
    '/bin/sh',
    ['-c', 'ulimit -c unlimited; exec "$0" program.mjs', process.execPath],
    {
      cwd: dir,
      stdio: 'ignore',
    },
  );
  await once(shell, 'close');
  const [name = ''] = readdirSync(dir).filter((file) => file.startsWith('core'));
  return readFileSync(join(dir, name));
}

void t.test(
  'what is in memory is not in the core dump',
  { skip: !writesFiles && `core dumps go elsewhere here: ${pattern}` },
  async (t) => {
    t.ok(countIn(await dumpOf(t, '')) > 1_000, 'without that it would be');
    const kept = await dumpOf(t, 'keepMemoryFromCoreDumps()');
    t.ok(kept.length > 1_000 && kept.length < 500_000, `${kept.length} bytes`);
    // A register may have a few letters of what was moved last.
    t.ok(countIn(kept) < 50, `${countIn(kept)} times`);
  },
);
