import t from 'tap';
import { upgradeRequest } from '../../../../src/edge-runner/streams/upgrade-request.ts';

const url = new URL('http://127.0.0.1:4321/exec/token');

void t.test('an upgrade names its protocols to the runtime', (t) => {
  const headers: [string, string][] = [
    ['Connection', 'Upgrade'],
    ['Upgrade', 'SPDY/3.1'],
    ['X-Stream-Protocol-Version', 'v4.channel.k8s.io'],
  ];
  t.equal(
    upgradeRequest({ method: 'POST', headers }, url),
    'POST /exec/token HTTP/1.1\r\nHost: 127.0.0.1:4321\r\nConnection: Upgrade\r\n' +
      'Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n',
  );
  t.end();
});

void t.test('and nothing that would make another request of it', (t) => {
  const plain = upgradeRequest({ method: 'GET', headers: [] }, url);
  for (const header of [
    ['X-Stream-Protocol-Version', 'v4\r\nX-Injected: yes'],
    ['Sec-WebSocket-Protocol', 'v4\n\nGET / HTTP/1.1'],
    ['Sec-WebSocket-Key', 'a\0b'],
    ['Upgrade\r\nX-Injected', 'yes'],
    ['Upgrade: x\r\nHost', 'other'],
    ['Host', 'other'],
    ['Content-Length', '100'],
    ['Transfer-Encoding', 'chunked'],
    ['Authorization', 'Bearer x'],
    ['', 'x'],
  ] satisfies [string, string][]) {
    t.equal(upgradeRequest({ method: 'GET', headers: [header] }, url), plain, header.join(': '));
  }
  t.end();
});
