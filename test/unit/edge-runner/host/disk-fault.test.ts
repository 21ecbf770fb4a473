import t from 'tap';
import { diskFault, hasOption } from '../../../../src/edge-runner/host/disk-fault.ts';

const mountinfo = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro
95 22 7:0 / /var/lib/towline rw,relatime shared:2 - ext4 /dev/loop0 rw,errors=remount-ro,emergency_ro
`;

void t.test('a file system that has put itself to rest is known by its options', (t) => {
  t.ok(hasOption(mountinfo, 7 * 256, 'emergency_ro'));
  t.notOk(hasOption(mountinfo, 254 * 256, 'emergency_ro'));
  t.notOk(hasOption(mountinfo, 8 * 256, 'emergency_ro'));
  t.end();
});

void t.test('a folder that can be written has no fault', (t) => {
  t.equal(diskFault(t.testdir()), undefined);
  t.equal(diskFault('/nowhere'), undefined, 'what is missing is told by whoever needs it');
  t.end();
});
