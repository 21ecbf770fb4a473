import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  access,
  appendFile,
  copyFile,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { installCommand } from '../../../../src/edge-runner/install/install-command.ts';
import { install, type InstallOptions } from '../../../../src/edge-runner/install/install.ts';
import { ownProgram } from '../../../../src/edge-runner/install/own-program.ts';
import { Systemd } from '../../../../src/edge-runner/install/systemd.ts';
import { uninstallCommand } from '../../../../src/edge-runner/install/uninstall-command.ts';
import { failed, ok, warning } from '../../../../src/edge-runner/preflight/check.ts';
import { RecordedServices } from './recorded-services.ts';

const unit = 'etc/systemd/system/towline-runner.service';

interface Fixture {
  root: string;
  services: RecordedServices;
  said: string[];
  run: (changes?: Partial<InstallOptions>) => Promise<void>;
}

function fixture(t: Test): Fixture {
  const root = t.testdir({ 'new-runner': 'version 1' });
  const services = new RecordedServices();
  const said: string[] = [];
  return {
    ...{ root, services, said },
    run: (changes = {}) =>
      install({
        ...{ root, isLive: true, services, runFlags: [], credentials: [] },
        program: ownProgram({ execPath: join(root, 'new-runner'), argv: [] }),
        run: { stateDir: '/var/lib/towline' },
        memoryMaxMegabytes: 256,
        preflight: () => Promise.resolve([ok('kernel', '6.1')]),
        say: (line) => said.push(line),
        ...changes,
      }),
  };
}

void t.test('a device that lacks something is told so, and nothing is changed', async (t) => {
  const { root, services, said, run } = fixture(t);
  const before = await readdir(root, { recursive: true });
  const checks = [
    failed('containerd', 'containerd is not installed', 'install it', 'containerd'),
    warning('memory', 'there is little', 'take more'),
    ok('kernel', '6.1'),
  ];
  await t.rejects(run({ preflight: () => Promise.resolve(checks) }), { code: 'PREFLIGHT_FAILED' });
  t.match(said.join('\n'), /containerd is not installed: install it \(Debian package containerd\)/);
  t.match(said.join('\n'), /there is little/);
  t.notMatch(said.join('\n'), /6\.1/);
  t.same(await readdir(root, { recursive: true }), before);
  t.same(services.take(), []);
});

void t.test('without systemd nothing is changed', async (t) => {
  const { root, services, run } = fixture(t);
  services.isThere = false;
  const before = await readdir(root, { recursive: true });
  await t.rejects(run(), { code: 'SYSTEMD_FAILED' });
  t.same(await readdir(root, { recursive: true }), before);
});

void t.test('a system that systemd has not started has none', async (t) => {
  const isBooted = await isFile('/run/systemd/system');
  const asked = new Systemd('/').requireThere();
  if (isBooted) await asked;
  else
    await t.rejects(asked, { code: 'SYSTEMD_FAILED', message: /put "towline-runner run" under/ });
});

void t.test('before joining it is enabled and says what next; then it is started', async (t) => {
  const { root, services, said, run } = fixture(t);
  await run();
  t.same(services.take(), ['reload', 'enable towline-runner.service']);
  t.match(said.join('\n'), /Next: towline-runner join.*\n.*systemctl start towline-runner/);
  t.equal(await readFile(join(root, 'usr/local/bin/towline-runner'), 'utf8'), 'version 1');
  t.match(
    await readFile(join(root, unit), 'utf8'),
    /^ExecStart=\/usr\/local\/bin\/towline-runner run$/m,
  );

  await mkdir(join(root, 'var/lib/towline/identity'), { recursive: true });
  await run();
  t.same(services.take(), ['enable towline-runner.service', 'restart towline-runner.service']);
});

void t.test(
  'done again it changes nothing, and an upgrade or other flags restart it',
  async (t) => {
    const { root, services, said, run } = fixture(t);
    await mkdir(join(root, 'var/lib/towline/identity'), { recursive: true });
    await run();
    services.take();
    said.length = 0;
    const files = ['usr/local/bin/towline-runner', unit];
    const inodes = (): Promise<number[]> =>
      Promise.all(files.map(async (file) => (await stat(join(root, file))).ino));
    const before = await inodes();
    await run();
    t.same(await inodes(), before, 'not even written anew');
    t.same(services.take(), ['enable towline-runner.service']);
    t.equal(said.filter((line) => line.endsWith('is up to date')).length, 2);

    await writeFile(join(root, 'new-runner'), 'version 2');
    await run();
    t.same(services.take().at(-1), 'restart towline-runner.service');
    t.equal(await readFile(join(root, 'usr/local/bin/towline-runner'), 'utf8'), 'version 2');

    await run({ runFlags: ['--log-level', 'debug'] });
    t.same(services.take().at(-1), 'restart towline-runner.service');
    t.match(await readFile(join(root, unit), 'utf8'), /^ExecStart=.* run --log-level debug$/m);
  },
);

void t.test('a program that runs is replaced, and runs on', async (t) => {
  const { root, run } = fixture(t);
  const sleep = await realpath('/bin/sleep');
  await copyFile(sleep, join(root, 'new-runner'));
  await run();
  const child = spawn(join(root, 'usr/local/bin/towline-runner'), ['100']);
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  await appendFile(join(root, 'new-runner'), 'a byte more');
  await run();
  t.equal(child.exitCode, null);
  t.same(
    await readFile(join(root, 'usr/local/bin/towline-runner')),
    await readFile(join(root, 'new-runner')),
  );
});

void t.test('systemd makes the state directory only where it is the usual one', async (t) => {
  const { root, run } = fixture(t);
  await run();
  t.match(await readFile(join(root, unit), 'utf8'), /^StateDirectory=towline$/m);
  await run({ run: { stateDir: '/data/towline' } });
  t.notMatch(await readFile(join(root, unit), 'utf8'), /^StateDirectory/m);
});

void t.test('a file in the way is said in a sentence, and nothing is changed', async (t) => {
  const { root, services, run } = fixture(t);
  await writeFile(join(root, 'etc'), 'a file');
  await t.rejects(run(), {
    code: 'INSTALL_FAILED',
    message: /\/etc\/systemd.*cannot be written \(/,
  });
  await t.rejects(access(join(root, 'usr')), { code: 'ENOENT' }, 'nothing else was written');
  t.same(services.take(), []);
});

void t.test('run from its source it is started from there', (t) => {
  const program = ownProgram({ execPath: '/opt/node', argv: ['/opt/node', '/src/main.ts'] });
  t.same(program, { executable: undefined, command: ['/opt/node', '/src/main.ts'] });
  const file = ownProgram({ execPath: '/root/towline-runner-linux-arm64', argv: ['bun'] });
  t.same(file.command, ['/usr/local/bin/towline-runner']);
  t.end();
});

const skip = !(await isThere('systemctl')) && 'no systemctl';

void t.test('into the files of another system, and out again', { skip }, async (t) => {
  const root = t.testdir();
  const io = recordedIo([]);
  t.equal(await installCommand(['--root', root, '--', '--pod-cidr', '10.9.0.0/24'], io), 0);
  t.match(
    await readFile(join(root, unit), 'utf8'),
    /^ExecStart=.* run --pod-cidr 10\.9\.0\.0\/24$/m,
  );
  const link = 'etc/systemd/system/multi-user.target.wants/towline-runner.service';
  t.match(await readlink(join(root, link)), /towline-runner\.service$/);

  // An owner's own changes, the variables, and the program where it was installed as one file.
  const others = [
    `${unit}.d/own.conf`,
    'etc/default/towline-runner',
    'usr/local/bin/towline-runner',
  ];
  for (const file of others) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), '');
  }
  const state = ['var/lib/towline/identity', 'run/towline/pods'];
  for (const folder of state) await mkdir(join(root, folder), { recursive: true });

  t.equal(await uninstallCommand(['--root', root], io), 0);
  const left = (await readdir(root, { recursive: true })).filter((name) => /towline/.test(name));
  t.same(left, []);
  await t.rejects(access(join(root, unit)));
  await t.rejects(readlink(join(root, link)));
  t.equal(await uninstallCommand(['--root', root], io), 0, 'and once more');
});

void t.test('credentials go into the unit, encrypted ones as such', { skip }, async (t) => {
  const root = t.testdir();
  const flags = [
    ...['--credential', 'towline-key:/etc/towline/key.pem'],
    ...['--credential', 'a:/etc/credstore.encrypted/a', '--credential-encrypted', 'b:/opt/b'],
  ];
  t.equal(await installCommand(['--root', root, ...flags], recordedIo([])), 0);
  const lines = (await readFile(join(root, unit), 'utf8')).split('\n');
  t.same(
    lines.filter((line) => line.startsWith('LoadCredential')),
    [
      'LoadCredential=towline-key:/etc/towline/key.pem',
      'LoadCredentialEncrypted=a:/etc/credstore.encrypted/a',
      'LoadCredentialEncrypted=b:/opt/b',
    ],
  );
});

void t.test('flags that cannot be are named in one line', async (t) => {
  const said: string[] = [];
  const io = recordedIo(said);
  t.equal(await installCommand(['--root', t.testdir(), '--', '--nonsense'], io), 1);
  t.equal(await installCommand(['--memory-max', 'much'], io), 1);
  t.equal(await installCommand(['--memory-max', '63'], io), 1);
  t.equal(await installCommand(['--credential', 'x'], io), 1);
  t.equal(await installCommand(['--credential-encrypted', 'x:relative'], io), 1);
  for (const line of said) t.match(line, /^towline-runner install: .+\n$/);
});

void t.test('nobody but root can uninstall from the system that runs', async (t) => {
  const uid = process.getuid?.() ?? 0;
  Object.assign(process, { getuid: () => 1000 });
  t.teardown(() => Object.assign(process, { getuid: () => uid }));
  const said: string[] = [];
  t.equal(await uninstallCommand(['--', '--containerd', '/nowhere.sock'], recordedIo(said)), 1);
  t.same(said, ['towline-runner uninstall: run this as root: sudo towline-runner uninstall\n']);
});

function recordedIo(said: string[]): Parameters<typeof installCommand>[1] {
  return {
    stdout: { write: (text: string) => said.push(text) },
    stderr: { write: (text: string) => said.push(text) },
    signal: new AbortController().signal,
  };
}

async function isFile(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function isThere(program: string): Promise<boolean> {
  return promisify(execFile)(program, ['--version']).then(
    () => true,
    () => false,
  );
}
