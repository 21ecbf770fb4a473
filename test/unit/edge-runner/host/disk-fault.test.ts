import t from 'tap';
import { diskFault, hasOption } from '../../../../src/edge-runner/host/disk-fault.ts';

const mountinfo = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro
95 22 7:0 / /var/lib/towline rw,relatime shared:2 - ext4 /dev/loop0 rw,errors=remount-ro,emergency_ro
96 22 259:300 / /data rw,relatime shared:3 - ext4 /dev/nvme1n1p2 rw,emergency_ro
`;

void t.test('a file system that has put itself to rest is known by its options', (t) => {
  t.ok(hasOption(mountinfo, 7 * 256, 'emergency_ro'));
  t.notOk(hasOption(mountinfo, 254 * 256, 'emergency_ro'));
  t.notOk(hasOption(mountinfo, 8 * 256, 'emergency_ro'));
  t.ok(hasOption(mountinfo, 2 ** 20 + 259 * 256 + 44, 'emergency_ro'), 'minors over 255, too');
  t.end();
});

void t.test('a folder that can be written has no fault', (t) => {
  t.equal(diskFault(t.testdir()), undefined);
  t.equal(diskFault('/nowhere'), undefined, 'what is missing is told by whoever needs it');
  t.end();
});
