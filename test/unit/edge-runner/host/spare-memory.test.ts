import { readFileSync, readlinkSync } from 'node:fs';
import t from 'tap';
import { filePages } from '../../../../src/edge-runner/host/file-pages.ts';
import { cleanRanges, writableRanges } from '../../../../src/edge-runner/host/memory-ranges.ts';
import { spareMemory } from '../../../../src/edge-runner/host/spare-memory.ts';

const smaps = `00200000-01a39000 r--p 00000000 fe:00 123   /opt/runner
Rss:                2048 kB
Anonymous:             0 kB
01a40000-06849000 r-xp 01838000 fe:00 123   /opt/runner
Anonymous:             0 kB
06849000-0684f000 r--p 06640000 fe:00 123   /opt/runner
Anonymous:            24 kB
0684f000-06860000 rw-p 06646000 fe:00 123   /opt/runner
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 fe:00 9   /lib/libc.so.6
Anonymous:             0 kB
7f0000001000-7f0000002000 rw-p 00001000 fe:00 9   /lib/libc.so.6
Anonymous:             4 kB
7f0000002000-7f0000003000 r--p 00000000 00:00 0
Anonymous:             0 kB
7f0000004000-7f0000005000 r-xp 00000000 00:00 0   [vdso]
Anonymous:             0 kB
`;

void t.test('only what the file still has in full can be given back', (t) => {
  t.same(cleanRanges(smaps), [
    { start: 0x200000n, end: 0x1a39000n },
    { start: 0x1a40000n, end: 0x6849000n },
    { start: 0x7f0000000000n, end: 0x7f0000001000n },
  ]);
  t.same(cleanRanges(''), []);
  t.end();
});

void t.test('what the program may write to is known by its file', (t) => {
  t.same(writableRanges(smaps, '/opt/runner'), [{ start: 0x684f000n, end: 0x6860000n }]);
  t.end();
});

void t.test('of that, pages that are present and still the file’s are told from others', (t) => {
  const present = 1n << 63n;
  const file = 1n << 61n;
  const entries = [present | file | 7n, present | file, present, 0n, file, present | file];
  const bytes = Buffer.alloc(entries.length * 8 + 3);
  entries.forEach((entry, index) => bytes.writeBigUInt64LE(entry, index * 8));
  t.same(filePages({ start: 0x10000n, end: 0x16000n }, bytes), [
    { start: 0x10000n, end: 0x12000n },
    { start: 0x15000n, end: 0x16000n },
  ]);
  t.end();
});

void t.test('a running program has such ranges', (t) => {
  const map = readFileSync('/proc/self/smaps', 'utf8');
  t.ok(cleanRanges(map).some(({ start, end }) => end > start));
  t.ok(writableRanges(map, readlinkSync('/proc/self/exe')).length > 0);
  t.end();
});

void t.test('it ends with the signal', async (t) => {
  const stop = new AbortController();
  const sparing = spareMemory(stop.signal);
  stop.abort();
  await sparing;
  t.ok(stop.signal.aborted);
});
