import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import pino from 'pino';
import t, { type Test } from 'tap';
import { waitFor } from '../../../../hack/lab/wait.ts';
import { KubeApiError } from '../../../../src/provider/kube-client/kube-api-error.ts';
import type { KubeClient } from '../../../../src/provider/kube-client/kube-client.ts';
import { CertificateAuthority, createCa } from '../../../../src/provider/pki/authority.ts';
import type { KeyPairPem } from '../../../../src/provider/pki/key-pair.ts';
import { signCertificate } from '../../../../src/provider/pki/certificate.ts';
import { ClusterServingCertificate } from '../../../../src/provider/pki/cluster-serving-certificate.ts';
import { serverExtensions } from '../../../../src/provider/pki/extensions.ts';
import { newKey } from '../../../../src/provider/pki/new-key.ts';

const dayMs = 86_400_000;
const address = '10.0.0.1';

interface Spec {
  request: string;
  signerName: string;
  usages: string[];
}

/** A cluster whose signer does what the test says. */
class Scene {
  readonly requests: Spec[] = [];
  stored: KeyPairPem | undefined;
  verdict: 'approve' | 'deny' | 'fail' | 'wait' | 'another key' | 'another name' = 'approve';
  nowMs = Date.now();
  readonly certificate: ClusterServingCertificate;

  constructor() {
    this.certificate = new ClusterServingCertificate({
      client: {
        create: this.#create.bind(this) as KubeClient['create'],
        get: this.#get.bind(this) as KubeClient['get'],
      },
      secret: {
        read: () => Promise.resolve(this.stored),
        write: (pair) => {
          this.stored = pair;
          return Promise.resolve();
        },
      },
      names: [address],
      log: pino({ level: 'silent' }),
      nowMs: () => this.nowMs,
      times: { pollMs: 1, retryMs: 1 },
    });
  }

  run(t: Test): void {
    const stop = new AbortController();
    const running = this.certificate.run(stop.signal);
    t.teardown(() => {
      stop.abort();
      return running;
    });
  }

  async issued(): Promise<X509Certificate> {
    const pair = await waitFor(() => this.certificate.current, {
      what: 'a certificate',
      timeoutMs: 5_000,
    });
    return new X509Certificate(pair.certificate);
  }

  #create(_type: unknown, { spec }: { spec: Spec }): Promise<object> {
    this.requests.push(spec);
    return Promise.resolve({ metadata: { name: `request-${this.requests.length}` } });
  }

  #get(): Promise<object> {
    const spec = this.requests.at(-1);
    if (spec === undefined) return Promise.reject(new KubeApiError('NOT_FOUND', 'none'));
    if (this.verdict === 'wait') return Promise.resolve({});
    if (this.verdict === 'deny' || this.verdict === 'fail') {
      const type = this.verdict === 'deny' ? 'Denied' : 'Failed';
      return Promise.resolve({ status: { conditions: [{ type, status: 'True' }] } });
    }
    const key = this.verdict === 'another key' ? newKey().publicKey : publicKeyIn(spec.request);
    const names = [this.verdict === 'another name' ? '10.0.0.2' : address];
    const certificate = Buffer.from(sign(key, this.nowMs, names)).toString('base64');
    return Promise.resolve({ status: { certificate } });
  }
}

/** The key in a request: that of a P-256 key has always the same beginning and length. */
function publicKeyIn(request: string): KeyObject {
  const pem = Buffer.from(request, 'base64').toString();
  const bytes = Buffer.from(pem.replaceAll(/-----.*-----|\n/g, ''), 'base64');
  const start = bytes.indexOf(Buffer.from('3059301306072a8648ce3d0201', 'hex'));
  const key = bytes.subarray(start, start + 91);
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

function sign(publicKey: KeyObject, nowMs: number, names = [address]): string {
  const issuer = newKey();
  return signCertificate({
    subject: { organization: 'system:nodes', commonName: 'system:node:x' },
    issuer: { organization: 'cluster', commonName: 'cluster' },
    ...{ publicKey, issuerKey: issuer.privateKey },
    ...{ notBeforeMs: nowMs, notAfterMs: nowMs + 3 * dayMs },
    extensions: serverExtensions(names, { publicKey, issuerPublicKey: issuer.publicKey }),
  }).toString();
}

void t.test(
  'it is asked for as the signer for kubelets demands, and serves once approved',
  async (t) => {
    const scene = new Scene();
    scene.verdict = 'wait';
    scene.run(t);
    await waitFor(() => scene.requests.length === 1, { what: 'a request', timeoutMs: 5_000 });
    t.equal(scene.certificate.current, undefined);
    scene.verdict = 'approve';
    const certificate = await scene.issued();
    t.equal(certificate.checkIP(address), address);
    t.match(scene.requests, [
      {
        signerName: 'kubernetes.io/kubelet-serving',
        usages: ['digital signature', 'key encipherment', 'server auth'],
      },
    ]);
    const [, base64 = ''] =
      /-----\n([^-]*)-----/.exec(
        Buffer.from(scene.requests[0]?.request ?? '', 'base64').toString(),
      ) ?? [];
    const request = Buffer.from(base64, 'base64');
    for (const part of ['system:nodes', 'system:node:']) t.ok(request.includes(part), part);
    await waitFor(() => scene.stored, { what: 'it to be kept', timeoutMs: 5_000 });
    t.equal(scene.requests.length, 1, 'one is enough');
  },
);

void t.test('one that was kept is taken up again, while it fits', async (t) => {
  const before = new Scene();
  before.run(t);
  await before.issued();
  await waitFor(() => before.stored, { what: 'it to be kept', timeoutMs: 5_000 });
  const after = new Scene();
  after.stored = before.stored;
  await after.certificate.load();
  t.equal(after.certificate.current, before.stored);

  const expired = new Scene();
  expired.stored = before.stored;
  expired.nowMs += 4 * dayMs;
  await expired.certificate.load();
  t.equal(expired.certificate.current, undefined, 'not when it has expired');

  const ca = new CertificateAuthority({
    keyPair: createCa({ trustDomain: 'x', nowMs: Date.now() }),
    trustDomain: 'x',
  });
  const moved = new Scene();
  moved.stored = ca.issueServing(['10.0.0.2']);
  await moved.certificate.load();
  t.equal(moved.certificate.current, undefined, 'nor when it is for another address');
  const swapped = {
    certificate: ca.issueServing([address]).certificate,
    privateKey: ca.issueServing([address]).privateKey,
  };
  moved.stored = swapped;
  await moved.certificate.load();
  t.equal(
    moved.certificate.current,
    undefined,
    'nor when key and certificate are not each other’s',
  );
});

for (const verdict of ['deny', 'fail', 'another key', 'another name'] as const) {
  void t.test(`a refusal (${verdict}) is not the end: it asks again`, async (t) => {
    const scene = new Scene();
    scene.verdict = verdict;
    scene.run(t);
    await waitFor(() => scene.requests.length > 2, { what: 'further requests', timeoutMs: 5_000 });
    t.equal(scene.certificate.current, undefined);
    scene.verdict = 'approve';
    await scene.issued();
  });
}

void t.test(
  'it is renewed at two thirds of its life, and serves until the new one is there',
  async (t) => {
    const scene = new Scene();
    scene.run(t);
    const first = await scene.issued();
    const kept = await waitFor(() => scene.stored, { what: 'it to be kept', timeoutMs: 5_000 });
    const next = new Scene();
    next.stored = kept;
    next.nowMs += 2 * dayMs;
    next.verdict = 'wait';
    await next.certificate.load();
    next.run(t);
    await waitFor(() => next.requests.length === 1, { what: 'a request', timeoutMs: 5_000 });
    t.equal(next.certificate.current, kept, 'the first one serves on');
    next.verdict = 'approve';
    await waitFor(() => next.certificate.current !== kept, { what: 'a new one', timeoutMs: 5_000 });
    t.not((await next.issued()).serialNumber, first.serialNumber);
  },
);
