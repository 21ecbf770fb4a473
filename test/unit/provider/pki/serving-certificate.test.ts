import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { CertificateAuthority, createCa } from '../../../../src/provider/pki/authority.ts';
import { ServingCertificate } from '../../../../src/provider/pki/serving-certificate.ts';

const hourMs = 3_600_000;

void t.test('a certificate is renewed at two thirds of its lifetime, not before', (t) => {
  const startMs = Date.now();
  let nowMs = startMs;
  const keyPair = createCa({ trustDomain: 'towline', nowMs });
  const authority = new CertificateAuthority({
    keyPair,
    trustDomain: 'towline',
    nowMs: () => nowMs,
  });
  const certificate = new ServingCertificate({
    authority,
    names: ['127.0.0.1'],
    lifetimeMs: 3 * hourMs,
    nowMs: () => nowMs,
  });
  const first = certificate.current;
  nowMs = startMs + 2 * hourMs - 2000;
  t.equal(certificate.renewIfDue(), false);
  t.equal(certificate.current, first);
  nowMs = startMs + 2 * hourMs + 1;
  t.equal(certificate.renewIfDue(), true);
  t.not(certificate.current.certificate, first.certificate);
  t.equal(certificate.renewIfDue(), false);
  t.end();
});

void t.test('new connections get the new certificate and old ones go on', async (t) => {
  let nowMs = Date.now() - 21 * 24 * hourMs;
  const keyPair = createCa({ trustDomain: 'towline', nowMs });
  const authority = new CertificateAuthority({
    keyPair,
    trustDomain: 'towline',
    nowMs: () => nowMs,
  });
  const certificate = new ServingCertificate({
    authority,
    names: ['127.0.0.1'],
    nowMs: () => nowMs,
  });
  const { certificate: cert, privateKey } = certificate.current;
  const server = createServer({ cert, key: privateKey }, (socket) => socket.pipe(socket));
  const detach = certificate.attach(server, () => ({}));
  t.teardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const open = async (): Promise<TLSSocket> => {
    const socket = connect({ host: '127.0.0.1', port, ca: authority.certificatePem });
    await once(socket, 'secureConnect');
    return socket;
  };
  const before = await open();
  nowMs = Date.now();
  t.ok(certificate.renewIfDue());
  const after = await open();
  t.not(
    after.getPeerX509Certificate()?.serialNumber,
    before.getPeerX509Certificate()?.serialNumber,
  );
  before.write('still here');
  const [echo] = (await once(before, 'data')) as [Buffer];
  t.equal(echo.toString(), 'still here');
  before.destroy();
  after.destroy();
  detach();
  server.close();
  await once(server, 'close');
});

void t.test('run ends when its signal aborts', async (t) => {
  const keyPair = createCa({ trustDomain: 'towline', nowMs: Date.now() });
  const authority = new CertificateAuthority({ keyPair, trustDomain: 'towline' });
  const abort = new AbortController();
  const running = new ServingCertificate({ authority, names: ['a.example'] }).run(abort.signal);
  abort.abort();
  await running;
  t.pass('it ended');
});
