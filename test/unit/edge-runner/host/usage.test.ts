import { link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { measureDiskUsage } from '../../../../src/edge-runner/host/disk-usage.ts';
import { parseNetworkCounters } from '../../../../src/edge-runner/host/network-counters.ts';
import { parseProcStat } from '../../../../src/edge-runner/host/proc-stat.ts';

void t.test('processors’ time is work without waiting, in nanoseconds', (t) => {
  const text = 'cpu  10 20 30 4000 500 6 7 8 0 0\ncpu0 1 1 1 1\nbtime 1700000000\n';
  t.same(parseProcStat(text), { cpuNanoseconds: 810_000_000, bootedAtMs: 1_700_000_000_000 });
  t.throws(() => parseProcStat('cpu 1'), { code: 'HOST_FACT_MALFORMED' });
  t.end();
});

void t.test('network counters, without the loopback', (t) => {
  const text = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop',
    '    lo: 1 1 1 0 0 0 0 0 1 1 0 0 0 0 0 0',
    '  eth0: 100 2 3 0 0 0 0 0 400 5 6 0 0 0 0 0',
    'wlan0:7 0 0 0 0 0 0 0 8 0 0 0 0 0 0 0',
  ].join('\n');
  t.same(parseNetworkCounters(text), [
    { name: 'eth0', rxBytes: 100, rxErrors: 3, txBytes: 400, txErrors: 6 },
    { name: 'wlan0', rxBytes: 7, rxErrors: 0, txBytes: 8, txErrors: 0 },
  ]);
  t.end();
});

void t.test('a tree is measured with every hard link once and no link followed', async (t) => {
  const dir = t.testdir({});
  const signal = new AbortController().signal;
  await writeFile(join(dir, 'big'), Buffer.alloc(1024 * 1024, 1));
  const one = await measureDiskUsage(dir, signal);
  t.ok(one.bytes >= 1024 * 1024 && one.bytes < 1.2 * 1024 * 1024, String(one.bytes));
  await link(join(dir, 'big'), join(dir, 'same'));
  await mkdir(join(dir, 'sub'));
  await symlink('/usr', join(dir, 'sub', 'elsewhere'));
  const again = await measureDiskUsage(dir, signal);
  t.ok(again.bytes - one.bytes < 64 * 1024, `${again.bytes} and ${one.bytes}`);
  t.equal(again.inodes, one.inodes + 2);
  t.same(await measureDiskUsage(join(dir, 'nothing'), signal), { bytes: 0, inodes: 0 });
  await t.rejects(measureDiskUsage(dir, AbortSignal.abort()), { name: 'AbortError' });
});
