import { readFileSync, readlinkSync } from 'node:fs';
import t from 'tap';
import { cleanRanges, spareMemory } from '../../../../src/edge-runner/host/spare-memory.ts';

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
7f0000002000-7f0000003000 r--p 00000000 00:00 0
Anonymous:             0 kB
`;

void t.test('only what the file still has in full can be given back', (t) => {
  t.same(cleanRanges(smaps, '/opt/runner'), [
    { start: 0x200000n, end: 0x1a39000n },
    { start: 0x1a40000n, end: 0x6849000n },
  ]);
  t.same(cleanRanges('', '/opt/runner'), []);
  t.end();
});

void t.test('a running program has such ranges', (t) => {
  const own = cleanRanges(readFileSync('/proc/self/smaps', 'utf8'), readlinkSync('/proc/self/exe'));
  t.ok(own.some(({ start, end }) => end > start));
  t.end();
});

void t.test('it ends with the signal', async (t) => {
  const stop = new AbortController();
  const sparing = spareMemory(stop.signal);
  stop.abort();
  await sparing;
  t.ok(stop.signal.aborted);
});
