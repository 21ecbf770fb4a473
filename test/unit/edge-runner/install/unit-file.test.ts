import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import {
  unitFile,
  unitName,
  type UnitOptions,
} from '../../../../src/edge-runner/install/unit-file.ts';

const run = promisify(execFile);

const options: UnitOptions = {
  command: ['/bin/true', 'run'],
  stateDirectory: 'towline',
  memoryMaxMegabytes: 256,
  credentials: [],
};

/** Values of a unit's setting. */
function settings(unit: string, name: string): string[] {
  return Array.from(unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm')), ([, value = '']) => value);
}

void t.test('a notifying service with a watchdog, which containers outlive', (t) => {
  const unit = unitFile(options);
  const expected = {
    Type: 'notify',
    WatchdogSec: '3min',
    Restart: 'always',
    KillMode: 'process',
    MemoryMax: '256M',
    LimitCORE: '0',
    StateDirectory: 'towline',
    NoNewPrivileges: 'yes',
    ExecStart: '/bin/true run',
  };
  for (const [name, value] of Object.entries(expected)) t.same(settings(unit, name), [value], name);
  t.match(settings(unit, 'After'), [/containerd\.service/]);
  t.same(settings(unit, 'Requires'), [], 'a restart of containerd does not stop the runner');
  t.end();
});

void t.test('nothing hides the mounts of the runner from containerd', (t) => {
  const withMountNamespace = [
    ...['BindPaths', 'BindReadOnlyPaths', 'DynamicUser', 'ExecPaths', 'InaccessiblePaths'],
    ...['LogNamespace', 'MountFlags', 'NoExecPaths', 'PrivateDevices', 'PrivateIPC'],
    ...['PrivateMounts', 'PrivateTmp', 'ProcSubset', 'ProtectControlGroups', 'ProtectHome'],
    ...['ProtectKernelLogs', 'ProtectKernelModules', 'ProtectKernelTunables', 'ProtectProc'],
    ...['ProtectSystem', 'ReadOnlyPaths', 'ReadWritePaths', 'RootDirectory', 'RootImage'],
    ...['TemporaryFileSystem', 'MountAPIVFS', 'MountImages', 'ExtensionImages'],
  ];
  const unit = unitFile(options);
  for (const name of withMountNamespace) t.same(settings(unit, name), [], name);
  t.end();
});

void t.test('words with spaces, percent and dollar signs arrive as they are', (t) => {
  const command = ['/opt/my runner', '--log-level', 'a%b$c', 'q"\\'];
  t.same(settings(unitFile({ ...options, command }), 'ExecStart'), [
    '"/opt/my runner" --log-level a%%b$$c "q\\"\\\\"',
  ]);
  t.end();
});

void t.test('a state directory of its own, and credentials', (t) => {
  const credentials = [
    { name: 'towline-key', path: '/etc/towline/key.pem', encrypted: false },
    { name: 'token', path: '/run/my 5% $token', encrypted: false },
    { name: 'sealed', path: '/etc/credstore.encrypted/my key', encrypted: true },
  ];
  const unit = unitFile({ ...options, stateDirectory: undefined, credentials });
  t.same(settings(unit, 'StateDirectory'), []);
  t.same(settings(unit, 'LoadCredential'), [
    'towline-key:/etc/towline/key.pem',
    'token:/run/my 5%% $token',
  ]);
  t.same(settings(unit, 'LoadCredentialEncrypted'), ['sealed:/etc/credstore.encrypted/my key']);
  t.end();
});

const analyze = await run('systemd-analyze', ['--version']).then(
  () => true,
  () => false,
);

void t.test(
  'systemd takes it as it stands',
  { skip: !analyze && 'no systemd-analyze' },
  async (t) => {
    const path = join(t.testdir(), unitName);
    const credentials = [
      { name: 'towline-key', path: '/etc/towline/key.pem', encrypted: false },
      { name: 'sealed', path: '/etc/credstore.encrypted/sealed', encrypted: true },
    ];
    await writeFile(path, unitFile({ ...options, credentials }));
    // It complains of the file's name and of containerd.service only where those are missing.
    const { stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', path]);
    const about = `${stdout}${stderr}`.split('\n').filter((line) => line.includes(unitName));
    t.same(about, []);
  },
);

void t.test(
  'systemd takes name and path of a credential as they are meant',
  { skip: !analyze && 'no systemd-analyze' },
  async (t) => {
    const path = join(t.testdir(), unitName);
    // It names a path only when it refuses it.
    const credential = { name: 'a', path: '/etc/../my 5% $key' };
    const credentials = [true, false].map((encrypted) => ({ ...credential, encrypted }));
    await writeFile(path, unitFile({ ...options, credentials }));
    const { stderr } = await run('systemd-analyze', ['verify', '--man=no', path]);
    t.equal(stderr.split(`"${credential.path}" not valid`).length, 3, stderr);
  },
);
