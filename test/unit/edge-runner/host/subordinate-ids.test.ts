import t from 'tap';
import { readIdPool } from '../../../../src/edge-runner/host/subordinate-ids.ts';

/** What is read where both files say this; by default neither is there. */
function read(t: Tap, subuid?: string, subgid = subuid): ReturnType<typeof readIdPool> {
  const etc = t.testdir({
    ...(subuid === undefined ? {} : { subuid }),
    ...(subgid === undefined ? {} : { subgid }),
  });
  return readIdPool(110, etc);
}

type Tap = Pick<typeof t, 'testdir'>;

void t.test('without a word of the device’s owner all ids but the first', async (t) => {
  // The kernel refuses a range that reaches the last id, 4294967295.
  const all = { firstId: 65_536, count: 65_534 * 65_536 };
  t.same(await read(t), all);
  t.same(await read(t, 'root:100000:65536\nkubelets:65536:65536\n'), all);
});

void t.test('those of the user kubelet', async (t) => {
  const file = 'pi:100000:65536\nkubelet:1048576:7208960\n';
  t.same(await read(t, file), { firstId: 1_048_576, count: 7_208_960 });
  const end = 'kubelet:4287692800:7274496';
  t.same(await read(t, end), { firstId: 4_287_692_800, count: 7_208_960 }, 'up to the last whole');
});

void t.test('what can’t be used is named, in a kubelet’s words where it has some', async (t) => {
  for (const [subuid, subgid, message] of [
    ['kubelet:65536:7208960', '', 'mismatched subuids and subgids for user "kubelet"'],
    ['kubelet:1:7208960', undefined, 'kubelet user assigned ID 1 is not a multiple of 65536'],
    ['kubelet:0:7208960', undefined, /assigned ID 0 must be greater or equal to 65536$/],
    ['kubelet:65536:7208961', undefined, /IDs length 7208961 is not a multiple of 65536$/],
    ['kubelet:65536:7143424', undefined, /IDs are not enough to support 110 pods$/],
    ['kubelet:65536:1\nkubelet:65536:2', undefined, /must have only one range of ids$/],
    ['kubelet:many:7208960', undefined, /not of the form kubelet:FIRST:COUNT$/],
    ['kubelet:65536', undefined, /not of the form kubelet:FIRST:COUNT$/],
  ] as const) {
    await t.rejects(read(t, subuid, subgid), { code: 'USER_NAMESPACE_UNAVAILABLE', message });
  }
  await t.rejects(readIdPool(110, t.testdir({ subuid: {} })), {
    message: /^error retrieving additional uids for user "kubelet": EISDIR/,
  });
});
