import t from 'tap';
import { maxStaticPodBytes } from '../../../src/protocol/limits.ts';
import { parseMessage } from '../../../src/protocol/parse.ts';
import { reportFromRunner } from '../../../src/protocol/report.ts';

function message(note: string): object {
  const manifest = { annotations: { note }, spec: {} };
  const uid = '0123456789abcdef0123456789abcdef';
  const pod = { namespace: 'n', name: 'p', uid, seen: 'then', manifest };
  return { type: 'static-pods', id: 1, pods: [pod] };
}

void t.test('a static pod is told whole up to a size, before anything walks it', (t) => {
  const around = Buffer.byteLength(JSON.stringify({ annotations: { note: '' }, spec: {} }));
  const room = maxStaticPodBytes - around;
  t.ok(parseMessage(reportFromRunner, message('x'.repeat(room))));
  const tooLarge = /pods\.0\.manifest: larger than a static pod is told whole/;
  t.throws(() => parseMessage(reportFromRunner, message('x'.repeat(room + 1))), tooLarge);
  t.throws(() => parseMessage(reportFromRunner, message('ä'.repeat(room))), tooLarge);
  t.end();
});
