import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { probeAddress, probePorts } from '../../../src/provider/probe-address.ts';

const host = '127.0.0.1';

async function takenPort(t: Test): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

void t.test('an address that can be listened on is left free', async (t) => {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  await t.resolves(probeAddress('--listen', host, port));
  await t.resolves(probeAddress('--listen', host, port), 'a second time, too');
});

void t.test('a port that is taken is named, with what to do', async (t) => {
  const port = await takenPort(t);
  await t.rejects(probeAddress('--listen', host, port), {
    code: 'FLAG_INVALID',
    message: `--listen: cannot listen on ${host}:${port} (EADDRINUSE): another program has this port; stop it, or give another`,
  });
});

void t.test('so is an address of another machine', async (t) => {
  await t.rejects(probeAddress('--kubelet-listen', '203.0.113.1'), {
    code: 'FLAG_INVALID',
    message: /^--kubelet-listen: .* 203\.0\.113\.1 \(EADDRNOTAVAIL\): give an address of this/,
  });
});

void t.test('one free port of a range is enough', async (t) => {
  const port = await takenPort(t);
  await t.rejects(probePorts('--kubelet-ports', host, { from: port, to: port }), {
    code: 'FLAG_INVALID',
    message: /all ports from (\d+) to \1 of 127\.0\.0\.1 are taken/,
  });
  await t.resolves(probePorts('--kubelet-ports', host, { from: 0, to: 0 }), 'any will do');
  await t.resolves(probePorts('--kubelet-ports', host, { from: port, to: 65_535 }));
});
