import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { upgradeOf } from '../../../../src/provider/kubelet-api/upgrade-headers.ts';

function websocket(subprotocols: string): IncomingMessage {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-protocol': subprotocols,
  };
  const rawHeaders = ['Sec-WebSocket-Protocol', subprotocols];
  return { method: 'GET', headers, rawHeaders } as unknown as IncomingMessage;
}

void t.test('a subprotocol that no runtime speaks is refused without asking the site', (t) => {
  for (const name of ['v5.channel.k8s.io', 'SPDY/3.1+portforward.k8s.io']) {
    t.throws(() => upgradeOf(websocket(name)), { code: 'UPGRADE_REQUIRED', message: name });
  }
  t.end();
});

void t.test('a known one among others goes to the site', (t) => {
  const { headers } = upgradeOf(websocket('v5.channel.k8s.io, v4.channel.k8s.io'));
  t.match(headers.at(-1), ['Sec-WebSocket-Protocol', 'v5.channel.k8s.io, v4.channel.k8s.io']);
  t.end();
});
