import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { CertificateUsers } from '../../../../src/provider/kubelet-api/certificate-users.ts';
import { userOfCertificate } from '../../../../src/provider/kubelet-api/client-certificate.ts';
import { type Subject, TestCa } from './test-pki.ts';

const ca = new TestCa('ca');

function issue(subject: Subject): X509Certificate {
  return new X509Certificate(ca.issue(subject).cert);
}

void t.test('the common name is the user, the organisations are the groups', (t) => {
  const certificate = issue({ commonNames: ['kube-apiserver'], organizations: ['a', 'b'] });
  t.same(userOfCertificate(certificate), { name: 'kube-apiserver', groups: ['a', 'b'] });
  t.end();
});

void t.test('text in a name stays in that name', (t) => {
  const certificate = issue({
    commonNames: ['mallory\nO=system:masters,CN=admin'],
    organizations: ['x\nCN=admin'],
  });
  t.same(userOfCertificate(certificate), {
    name: 'mallory\nO=system:masters,CN=admin',
    groups: ['x\nCN=admin'],
  });
  t.end();
});

void t.test('of several common names the last counts', (t) => {
  t.equal(userOfCertificate(issue({ commonNames: ['a', 'b'] }))?.name, 'b');
  t.end();
});

void t.test('a certificate that is not valid now names nobody', (t) => {
  const certificate = issue({ commonNames: ['a'] });
  const dayMs = 86_400_000;
  t.equal(userOfCertificate(certificate, new Date(Date.now() + 2 * dayMs)), undefined);
  t.equal(userOfCertificate(certificate, new Date(Date.now() - 2 * dayMs)), undefined);
  t.equal(userOfCertificate(issue({ organizations: ['o'] })), undefined);
  t.end();
});

void t.test('a certificate that is shown again is not read again, but judged', (t) => {
  const users = new CertificateUsers();
  const certificate = issue({ commonNames: ['a'], organizations: ['o'] });
  const user = users.userOf(certificate);
  t.same(user, { name: 'a', groups: ['o'] });
  t.equal(users.userOf(new X509Certificate(certificate.raw)), user, 'on another connection');
  const dayMs = 86_400_000;
  t.equal(users.userOf(certificate, new Date(Date.now() + 2 * dayMs)), undefined);
  t.equal(users.userOf(certificate, new Date(Date.now() - 2 * dayMs)), undefined);
  t.same(users.userOf(issue({ commonNames: ['b'], organizations: ['o'] }))?.name, 'b');
  t.equal(users.userOf(issue({ organizations: ['o'] })), undefined);
  t.end();
});
