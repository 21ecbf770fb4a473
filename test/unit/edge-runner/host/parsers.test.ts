import t from 'tap';
import { goArchitecture } from '../../../../src/edge-runner/host/architecture.ts';
import {
  parseDefaultRoute4,
  parseDefaultRoute6,
} from '../../../../src/edge-runner/host/default-route.ts';
import { parseCpuCount } from '../../../../src/edge-runner/host/host-facts.ts';
import { parseMeminfo, requireMemory } from '../../../../src/edge-runner/host/meminfo.ts';
import { parseOsImage } from '../../../../src/edge-runner/host/os-release.ts';
import { parseMemoryUsage, parseRunningPids } from '../../../../src/edge-runner/host/pressure.ts';

const meminfo = `MemTotal:        1000 kB
MemFree:          400 kB
MemAvailable:     700 kB
Inactive(file):   100 kB
HugePages_Total:       3
`;

void t.test('memory is in bytes, counts stay counts', (t) => {
  const values = parseMeminfo(meminfo);
  t.equal(values.get('MemTotal'), 1_024_000);
  t.equal(values.get('HugePages_Total'), 3);
  t.throws(() => requireMemory(values, 'SwapTotal'), { code: 'HOST_FACT_MALFORMED' });
  t.end();
});

void t.test('the working set leaves out file pages that were not touched lately', (t) => {
  t.same(parseMemoryUsage(meminfo), {
    totalBytes: 1000 * 1024,
    workingSetBytes: 500 * 1024,
    availableBytes: 500 * 1024,
  });
  t.end();
});

void t.test('the OS image is the pretty name, or what there is', (t) => {
  t.equal(
    parseOsImage('NAME="X"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'),
    'Debian GNU/Linux 12 (bookworm)',
  );
  t.equal(parseOsImage("PRETTY_NAME='Alpine Linux v3.22'"), 'Alpine Linux v3.22');
  t.equal(parseOsImage('PRETTY_NAME="The \\"Edge\\" \\$OS"'), 'The "Edge" $OS');
  t.equal(parseOsImage('NAME=Yocto\nVERSION=5.0'), 'Yocto 5.0');
  t.equal(parseOsImage(''), 'Linux');
  t.end();
});

void t.test('processors are counted on every architecture', (t) => {
  t.equal(parseCpuCount('processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n'), 2);
  t.equal(parseCpuCount('Processor\t: 0\nBogoMIPS\t: 48.00\n'), 1);
  t.throws(() => parseCpuCount('cpu model: none'), { code: 'HOST_FACT_MALFORMED' });
  t.end();
});

void t.test('architectures have Go’s names', (t) => {
  t.same(['x64', 'arm64', 'arm', 'ia32', 'riscv64'].map(goArchitecture), [
    'amd64',
    'arm64',
    'arm',
    '386',
    'riscv64',
  ]);
  t.end();
});

void t.test('the default route with the smallest metric names the interface', (t) => {
  const head =
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
  t.equal(
    parseDefaultRoute4(
      `${head}wlan0\t00000000\t0102000A\t0003\t0\t0\t600\t00000000\t0\t0\t0\n` +
        `eth1\t00000000\t0102000A\t0002\t0\t0\t1\t00000000\t0\t0\t0\n` +
        `eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n` +
        `tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n`,
    ),
    'eth0',
  );
  t.equal(parseDefaultRoute4(head), undefined);
  const zeros = '0'.repeat(32);
  t.equal(
    parseDefaultRoute6(
      `${zeros} 00 ${zeros} 00 ${zeros} ffffffff 00000001 00000000 00200200       lo\n` +
        `${zeros} 00 ${zeros} 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n`,
    ),
    'eth0',
  );
  t.equal(parseDefaultRoute6(''), undefined);
  t.end();
});

void t.test('processes are counted with their threads', (t) => {
  t.equal(parseRunningPids('1.96 1.30 0.85 2/108 31841\n'), 108);
  t.throws(() => parseRunningPids(''), { code: 'HOST_FACT_MALFORMED' });
  t.end();
});
