import { cpus, hostname, networkInterfaces, release, totalmem } from 'node:os';
import t from 'tap';
import { listHostAddresses } from '../../../../src/edge-runner/host/host-addresses.ts';
import { readHostFacts } from '../../../../src/edge-runner/host/host-facts.ts';
import { nodeCapacity } from '../../../../src/edge-runner/host/node-capacity.ts';
import {
  readFilesystemUsage,
  readMemoryUsage,
  readPidUsage,
} from '../../../../src/edge-runner/host/pressure.ts';

const proc = {
  meminfo: 'MemTotal: 1048576 kB\nMemFree: 524288 kB\nInactive(file): 1024 kB\nSwapTotal: 2 kB\n',
  cpuinfo: 'processor\t: 0\nprocessor\t: 1\nprocessor\t: 2\nprocessor\t: 3\n',
  loadavg: '0.00 0.00 0.00 1/42 99\n',
  sys: {
    kernel: {
      hostname: 'Edge-Box\n',
      osrelease: '6.1.0-rpi\n',
      pid_max: '4194304\n',
      'threads-max': '7777\n',
      random: { boot_id: 'b8d5946e-9bd6-4856-9153-db11d11f67b7\n' },
    },
  },
};

void t.test('reads a small ARM device', async (t) => {
  const root = t.testdir({
    proc,
    etc: { 'os-release': 'PRETTY_NAME="Raspberry Pi OS"\n' },
    var: { lib: { dbus: { 'machine-id': '3d1219c7c4c5404aaa1f6d2a48adfda4\n' } } },
    sys: {
      firmware: { devicetree: { base: { 'serial-number': '10000000ABCDEF12\0' } } },
      kernel: {
        mm: {
          hugepages: {
            'hugepages-2048kB': { nr_hugepages: '4\n' },
            'hugepages-64kB': { nr_hugepages: '0\n' },
          },
        },
      },
    },
  });
  const facts = await readHostFacts({ root });
  t.match(facts, {
    hostname: 'edge-box',
    machineId: '3d1219c7c4c5404aaa1f6d2a48adfda4',
    systemUuid: '10000000abcdef12',
    bootId: 'b8d5946e-9bd6-4856-9153-db11d11f67b7',
    kernelVersion: '6.1.0-rpi',
    osImage: 'Raspberry Pi OS',
    operatingSystem: 'linux',
    cpuCount: 4,
    memoryBytes: 2 ** 30,
    swapBytes: 2048,
    hugePages: [
      { pageSizeBytes: 65_536, totalBytes: 0 },
      { pageSizeBytes: 2 ** 21, totalBytes: 2 ** 23 },
    ],
  });
  t.same(nodeCapacity(facts, { capacityBytes: 3 * 2 ** 30 }), {
    cpu: '4',
    memory: '1Gi',
    'ephemeral-storage': '3Gi',
    'hugepages-64Ki': '0',
    'hugepages-2Mi': '8Mi',
    pods: '110',
  });
  t.same(await readPidUsage({ root }), { max: 7777, running: 42 });
  t.match(await readMemoryUsage({ root }), { totalBytes: 2 ** 30 });
});

void t.test('prefers the ids of a PC, and does without any', async (t) => {
  const pc = t.testdir({
    proc,
    etc: { 'machine-id': 'aaaa\n' },
    var: { lib: { dbus: { 'machine-id': 'bbbb\n' } } },
    sys: { class: { dmi: { id: { product_uuid: '4C4C4544-0042-3510\n' } } } },
  });
  t.match(await readHostFacts({ root: pc }), {
    machineId: 'aaaa',
    systemUuid: '4c4c4544-0042-3510',
  });
  const bare = t.testdir({ proc });
  t.match(await readHostFacts({ root: bare }), {
    machineId: '',
    systemUuid: '',
    osImage: 'Linux',
    hugePages: [],
  });
});

void t.test('says which file is missing', async (t) => {
  await t.rejects(readHostFacts({ root: t.testdir({}) }), {
    name: 'HostError',
    code: 'HOST_FACT_MISSING',
    message: '/proc/meminfo',
  });
  await t.rejects(readFilesystemUsage('/no/such/place'), { code: 'HOST_FACT_MISSING' });
});

void t.test('agrees with what Node knows of this machine', async (t) => {
  const facts = await readHostFacts();
  t.equal(facts.hostname, hostname().toLowerCase());
  t.equal(facts.kernelVersion, release());
  t.equal(facts.cpuCount, cpus().length);
  t.equal(facts.memoryBytes, totalmem());
  const disk = await readFilesystemUsage('/');
  t.ok(disk.availableBytes > 0 && disk.availableBytes <= disk.capacityBytes);
  const known = Object.values(networkInterfaces()).flatMap((list) =>
    list?.map(({ address }) => address),
  );
  for (const { address, family } of await listHostAddresses()) {
    t.ok(known.includes(address));
    t.equal(family, address.includes(':') ? 6 : 4);
    t.notMatch(address, /^(127\.|169\.254\.|::1$|fe80:)/);
  }
});
