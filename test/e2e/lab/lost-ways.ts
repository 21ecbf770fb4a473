import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Device } from '../../../hack/lab/device.ts';
import { waitFor } from '../../../hack/lab/wait.ts';

/** In which both ends would say something often. */
const listenMs = 500;

/** One direction of a device's uplink is lost and comes back; then one end of its connections is lost. */
export async function lostWays(t: Test, device: Device): Promise<void> {
  let heard = 0;
  let ends = 0;
  const server = createServer((socket) => {
    const talk = setInterval(() => socket.write('.'), 20);
    socket.on('data', (chunk) => (heard += chunk.length)).on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(talk);
      ends += 1;
    });
  });
  server.listen(0, device.hostAddress);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const talker = await device.exec({
    ...{ name: 'two-way', command: process.execPath },
    args: ['-e', talkerScript(device.hostAddress, port)],
  });
  const heardThere = (): number => Number(talker.logTail(1));
  const goesOn = (what: string, count: () => number): Promise<unknown> => {
    const before = count();
    return talker.readyWhen(() => count() > before, { what, timeoutMs: 20_000 });
  };
  await goesOn('the device is heard', () => heard);
  await goesOn('the device hears', heardThere);
  for (const direction of ['to-cloud', 'from-cloud'] as const) {
    await device.blackhole(direction);
    const silent = direction === 'to-cloud' ? (): number => heard : heardThere;
    await talker.readyWhen(() => staysFor(listenMs, silent), {
      what: `${direction} nothing comes through`,
      timeoutMs: 10_000,
    });
    await device.unblackhole(direction);
    await goesOn(`${direction} it goes on`, silent);
  }
  await device.loseConnections('host', port);
  await waitFor(() => ends === 1, { what: 'its end at the host', timeoutMs: 5_000 });
  await talker.ended;
  t.match(talker.logTail(5), /ECONNRESET|EPIPE/, 'the other one notices when it speaks');
}

async function staysFor(ms: number, count: () => number): Promise<boolean> {
  const before = count();
  await delay(ms);
  return count() === before;
}

function talkerScript(host: string, port: number): string {
  return `
    let heard = 0;
    const socket = require('net').connect(${port}, '${host}');
    setInterval(() => socket.write('.'), 20);
    socket.on('data', (chunk) => { heard += chunk.length; });
    socket.on('error', (error) => console.log(error.code)).on('close', () => process.exit());
    setInterval(() => console.log(heard), 50);`;
}
