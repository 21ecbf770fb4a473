import t from 'tap';
import { ReceiveWindow } from '../../../src/tunnel/receive-window.ts';

const kib = 1024;
const always = (): boolean => true;

function create(): ReceiveWindow {
  return new ReceiveWindow({ initialBytes: 256 * kib, maxBytes: 1024 * kib });
}

void t.test('the peer may send the window and not a byte more', (t) => {
  const window = create();
  t.ok(window.announce(200 * kib));
  t.ok(window.announce(56 * kib));
  t.notOk(window.announce(1));
  t.end();
});

void t.test('credit is due once half the window was read, and is exactly that', (t) => {
  const window = create();
  window.announce(256 * kib);
  t.notOk(window.read(100 * kib));
  t.ok(window.read(28 * kib));
  t.equal(window.takeCredit(1000, undefined, always), 128 * kib);
  t.ok(window.announce(128 * kib));
  t.notOk(window.announce(1));
  t.end();
});

void t.test('it doubles up to its limit while half of it takes less than two round trips', (t) => {
  const window = create();
  const credits = [];
  for (let nowMs = 1000; nowMs < 1600; nowMs += 100) {
    window.announce(128 * kib);
    window.read(128 * kib);
    credits.push(window.takeCredit(nowMs, 60, always) / kib);
  }
  t.strictSame(credits, [128, 128 + 256, 128 + 512, 128, 128, 128]);
  t.equal(window.sizeBytes, 1024 * kib);
  t.equal(window.grownBytes, 768 * kib);
  t.end();
});

void t.test('it stays as it is when the reader is slow, or the session has no memory left', (t) => {
  const slow = create();
  for (let nowMs = 1000; nowMs < 5000; nowMs += 1000) {
    slow.read(128 * kib);
    slow.takeCredit(nowMs, 60, always);
  }
  t.equal(slow.sizeBytes, 256 * kib);
  const poor = create();
  for (let nowMs = 1000; nowMs < 1500; nowMs += 10) {
    poor.read(128 * kib);
    t.equal(
      poor.takeCredit(nowMs, 60, () => false),
      128 * kib,
    );
  }
  t.end();
});
