import t from 'tap';
import { makeSealer } from './fixture.ts';

void t.test('what is sealed opens at its place, by its key', (t) => {
  const sealed = makeSealer().seal('grün', 'token/a');
  const [nonceBytes, tagBytes] = [12, 16];
  t.equal(sealed.length, nonceBytes + tagBytes + Buffer.byteLength('grün'));
  t.equal(makeSealer().open(sealed, 'token/a'), 'grün');
  t.throws(() => makeSealer().open(sealed, 'token/b'));
  t.throws(() => makeSealer(2).open(sealed, 'token/a'));
  t.end();
});

void t.test('the same text is never sealed to the same bytes', (t) => {
  const sealer = makeSealer();
  t.notSame(sealer.seal('secret', 'a'), sealer.seal('secret', 'a'));
  t.end();
});

void t.test('damage of any byte shows', (t) => {
  const sealer = makeSealer();
  const sealed = sealer.seal('secret', 'a');
  for (let at = 0; at < sealed.length; at += 1) {
    const damaged = Uint8Array.from(sealed, (byte, i) => (i === at ? byte ^ 1 : byte));
    t.throws(() => sealer.open(damaged, 'a'));
  }
  for (let bytes = 0; bytes < sealed.length; bytes += 1) {
    t.throws(() => sealer.open(sealed.subarray(0, bytes), 'a'));
  }
  t.end();
});
