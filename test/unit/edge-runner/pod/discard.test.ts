import t from 'tap';
import { Discard } from '../../../../src/edge-runner/pod/discard.ts';

void t.test('all who ask are told when it is done', async (t) => {
  const discard = new Discard();
  const { signal } = new AbortController();
  t.equal(discard.isWanted, false);
  const asked = [discard.want(signal), discard.want(signal)];
  t.equal(discard.isWanted, true);
  discard.tellDone();
  await Promise.all(asked);
  t.equal(discard.isWanted, false);
});

void t.test('nobody waits for longer than his signal', async (t) => {
  const discard = new Discard();
  const stop = new AbortController();
  const asked = discard.want(stop.signal);
  stop.abort();
  await asked;
  await discard.want(stop.signal);
  t.equal(discard.isWanted, false);
});
