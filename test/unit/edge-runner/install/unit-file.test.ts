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
    Wants: 'containerd.service',
    StartLimitIntervalSec: '0',
    Type: 'notify',
    NotifyAccess: 'all',
    ExecStart: '/bin/true run',
    EnvironmentFile: '-/etc/default/towline-runner',
    WatchdogSec: '3min',
    Restart: 'always',
    RestartSec: '2s',
    KillMode: 'process',
    TimeoutStopSec: '60s',
    OOMScoreAdjust: '-999',
    MemoryMax: '256M',
    LimitCORE: '0',
    StateDirectory: 'towline',
    StateDirectoryMode: '0700',
    WantedBy: 'multi-user.target',
  };
  for (const [name, value] of Object.entries(expected)) t.same(settings(unit, name), [value], name);
  t.match(settings(unit, 'After'), [/containerd\.service/]);
  t.same(settings(unit, 'Requires'), [], 'a restart of containerd does not stop the runner');
  t.end();
});

void t.test('what the runner has no use for is taken from it', (t) => {
  const unit = unitFile(options);
  const expected = {
    NoNewPrivileges: 'yes',
    SystemCallArchitectures: 'native',
    SystemCallErrorNumber: 'EPERM',
    RestrictAddressFamilies: 'AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    RestrictNamespaces: 'yes',
    RestrictRealtime: 'yes',
    LockPersonality: 'yes',
    KeyringMode: 'private',
  };
  for (const [name, value] of Object.entries(expected)) t.same(settings(unit, name), [value], name);
  const [dropped = ''] = settings(unit, 'CapabilityBoundingSet');
  t.match(dropped, /^~CAP_/, 'all but these stay');
  for (const name of ['BPF', 'MAC_ADMIN', 'SYS_BOOT', 'SYS_MODULE', 'SYS_RAWIO', 'SYS_TIME']) {
    t.match(dropped, new RegExp(`\\bCAP_${name}\\b`));
  }
  t.notMatch(dropped, /CAP_(SYS_ADMIN|CHOWN|DAC_OVERRIDE|FOWNER|KILL|NET_ADMIN)\b/);
  const [filtered = ''] = settings(unit, 'SystemCallFilter');
  t.match(filtered, /^~@/, 'all but these stay');
  for (const group of ['clock', 'debug', 'module', 'raw-io', 'reboot', 'swap']) {
    t.match(filtered, new RegExp(`@${group}\\b`));
  }
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
