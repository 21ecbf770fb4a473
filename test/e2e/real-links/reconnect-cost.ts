import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Device } from '../../../hack/lab/device.ts';
import { chosenRunner } from '../../../hack/lab/runner-program.ts';
import { tunnelPort } from '../../../hack/lab/towline.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { tunnelPath } from '../../../src/protocol/join.ts';
import { trustDigestOf, trustHeader } from '../../../src/protocol/trust-bundle.ts';
import type { Cluster } from '../cluster.ts';
import { onlyTunnelBytes, tunnelBytes } from './tunnel-bytes.ts';

/** What a new connection may cost beyond its TLS handshake and the upgrade when nothing is new. */
const maxReconnectBytes = 1_024;
/** Nothing was said for so long, so that whatever was to be said has been. */
const quietMs = 4_000;

/** A quiet site loses its connection to another one of its own name, and makes a new one. */
export async function reconnectCost(t: Test, { site }: Cluster): Promise<void> {
  const { device, runner } = site;
  const handshakeBytes = await bytesOf(device, 'handshake');
  const [before] = (await tunnelBytes(device)).keys();
  // So that it doesn't come back in between.
  runner.signal('SIGSTOP');
  const setUpBytes = await bytesOf(device, 'upgrade');
  runner.signal('SIGCONT');
  let last = -1;
  await waitFor(
    async () => {
      const [[port, bytes] = [0, 0], ...others] = await tunnelBytes(device);
      if (port === 0 || port === before || others.length > 0) return false;
      const quiet = bytes === last;
      last = bytes;
      if (!quiet) await delay(quietMs);
      return quiet;
    },
    { what: 'a new connection that has fallen silent', timeoutMs: 60_000, intervalMs: 100 },
  );
  const total = await onlyTunnelBytes(device);
  const upgradeBytes = setUpBytes - handshakeBytes;
  const bytes = total - setUpBytes;
  t.comment(
    `${total} bytes in all: ${handshakeBytes} of TLS, ${upgradeBytes} of the upgrade, ${bytes} of the exchanges`,
  );
  t.ok(handshakeBytes > 1_000, 'a handshake was measured');
  t.ok(upgradeBytes > 200 && upgradeBytes < 1_000, 'and an upgrade');
  t.ok(bytes > 0, 'the site has asked whether anything is new');
  t.ok(bytes <= maxReconnectBytes, `${bytes} bytes for that, at most ${maxReconnectBytes}`);
}

/** Both ways, of a connection by the runtime and with the identity of the runner, over which no more is said. */
async function bytesOf(device: Device, until: 'handshake' | 'upgrade'): Promise<number> {
  const talker = await device.exec({
    name: until,
    command: chosenRunner().command,
    args: ['-e', script(device, until)],
    // By this a compiled runner is the runtime that it holds.
    env: { BUN_BE_BUN: '1' },
  });
  const port = await talker.readyWhen(() => /^port (\d+)$/m.exec(talker.logTail(5))?.[1] ?? false, {
    what: `a connection up to its ${until}`,
    timeoutMs: 20_000,
  });
  // TLS tickets come after the handshake.
  await delay(1_000);
  const bytes = (await tunnelBytes(device)).get(Number(port));
  await talker.stop();
  if (bytes === undefined) throw new RangeError(`no connection from port ${port}`);
  return bytes;
}

function script({ dir, hostAddress }: Device, until: 'handshake' | 'upgrade'): string {
  const identity = join(dir, 'towline/identity');
  // With another one the provider would send what is to be trusted.
  const trust = trustDigestOf(readFileSync(join(identity, 'ca.pem'), 'utf8'));
  const request = [
    `GET ${tunnelPath} HTTP/1.1`,
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    `${trustHeader}: ${trust}`,
    `Host: ${hostAddress}:${tunnelPort}`,
    '',
    '',
  ].join('\r\n');
  return `
    const { readFileSync } = require('node:fs');
    const read = (name) => readFileSync('${identity}/' + name);
    const socket = require('node:tls').connect({
      host: '${hostAddress}', port: ${tunnelPort}, minVersion: 'TLSv1.3',
      cert: read('certificate.pem'), key: read('key.pem'), ca: read('ca.pem'),
    });
    const done = () => console.log('port ' + socket.localPort);
    socket.on('data', (text) => { if (/^HTTP\\/1.1 101/.test(text)) done(); });
    socket.on('secureConnect', () => {
      if (${until === 'upgrade'}) socket.write(${JSON.stringify(request)});
      else done();
    });`;
}
