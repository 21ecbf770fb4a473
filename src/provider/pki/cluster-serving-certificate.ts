import { createPrivateKey, X509Certificate } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Condition, KubernetesObject } from '../../kube/api.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import type { KeyPairPem } from './key-pair.ts';
import { PkiError } from './errors.ts';
import { renewAfterShare, renewalCheckMs, signingPollMs, signingRetryMs } from './lifetimes.ts';
import { newKey, pkcs8 } from './new-key.ts';
import type { ServingSecret } from './serving-secret.ts';
import { signingRequest } from './signing-request.ts';

export interface ClusterServingOptions {
  client: Pick<KubeClient, 'create' | 'get'>;
  /** Where key and certificate outlast this process. */
  secret: Pick<ServingSecret, 'read' | 'write'>;
  /** Addresses under which the API server reaches the nodes. */
  names: readonly string[];
  log: Logger;
  nowMs?: () => number;
  /** `signingPollMs` and `signingRetryMs` when absent. */
  times?: { pollMs: number; retryMs: number };
}

interface SigningRequestObject extends KubernetesObject {
  status?: { certificate?: string; conditions?: Condition[] };
}

/** The signer for kubelets' servers; an administrator, or a controller of theirs, approves. */
const signerName = 'kubernetes.io/kubelet-serving';

/**
 * A serving certificate from the cluster's own signer for kubelets, so that kube-apiserver can verify the
 * nodes as it verifies others. Renewed at two thirds of its lifetime; until one is issued there is none.
 * Source: "Certificates and Certificate Signing Requests", signer kubernetes.io/kubelet-serving.
 */
export class ClusterServingCertificate {
  readonly #options: ClusterServingOptions;
  #current: KeyPairPem | undefined;

  constructor(options: ClusterServingOptions) {
    this.#options = options;
  }

  get current(): KeyPairPem | undefined {
    return this.#current;
  }

  /** Takes the one that a process before this one got, if it still serves. @throws KubeApiError */
  async load(): Promise<void> {
    const stored = await this.#options.secret.read();
    if (stored !== undefined && this.#serves(stored)) this.#current = stored;
  }

  /** Asks for one, and again in time, until the signal aborts; a failure is logged and tried again. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = this.#dueInMs();
      if (waitMs > 0) await pause(Math.min(waitMs, renewalCheckMs), signal);
      else await this.#renewOrWait(signal);
    }
  }

  async #renewOrWait(signal: AbortSignal): Promise<void> {
    try {
      this.#current = await this.#renew(signal);
      await this.#options.secret.write(this.#current, signal);
      this.#options.log.info(
        { names: this.#options.names },
        'serving certificate from the cluster',
      );
    } catch (error) {
      if (signal.aborted) return;
      this.#options.log.warn({ err: error }, 'no serving certificate from the cluster');
      await pause(this.#options.times?.retryMs ?? signingRetryMs, signal);
    }
  }

  /** @throws PkiError `SIGNING_REFUSED`, KubeApiError */
  async #renew(signal: AbortSignal): Promise<KeyPairPem> {
    const { client, log } = this.#options;
    const { pem: privateKey, request } = this.#newRequest();
    const { metadata } = await client.create<SigningRequestObject>(
      resources.certificateSigningRequests,
      request,
      { signal },
    );
    const { name } = metadata;
    log.info({ name }, 'serving certificate requested: somebody must approve it');
    for (;;) {
      const { status = {} } = await client.get<SigningRequestObject>(
        resources.certificateSigningRequests,
        { name },
        { signal },
      );
      requireNoRefusal(name, status.conditions ?? []);
      if (status.certificate !== undefined) {
        const pair = { certificate: fromBase64(status.certificate), privateKey };
        if (this.#serves(pair)) return pair;
        throw new PkiError(
          'SIGNING_REFUSED',
          `request ${name} was answered with another certificate`,
        );
      }
      await delay(this.#options.times?.pollMs ?? signingPollMs, undefined, { signal });
    }
  }

  #newRequest(): { pem: string; request: object } {
    const { publicKey, privateKey } = newKey();
    const request = signingRequest({
      // What the signer demands of kubelets; the rest of the name is free.
      subject: { organization: 'system:nodes', commonName: 'system:node:towline-provider' },
      names: this.#options.names,
      publicKey,
      privateKey,
    });
    return {
      pem: pkcs8(privateKey),
      request: {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: {
          generateName: 'towline-provider-',
          labels: { 'app.kubernetes.io/part-of': 'towline' },
        },
        spec: {
          signerName,
          request: Buffer.from(request).toString('base64'),
          // Before 1.27 the signer demands all three of every key.
          usages: ['digital signature', 'key encipherment', 'server auth'],
        },
      },
    };
  }

  /** Whether a key and certificate are each other's, valid, and for all of the names. */
  #serves(pair: KeyPairPem): boolean {
    try {
      const certificate = new X509Certificate(pair.certificate);
      const hasName = (name: string): boolean =>
        (certificate.checkIP(name) ?? certificate.checkHost(name)) !== undefined;
      return (
        certificate.checkPrivateKey(createPrivateKey(pair.privateKey)) &&
        certificate.validToDate.getTime() > this.#nowMs() &&
        this.#options.names.every(hasName)
      );
    } catch {
      return false;
    }
  }

  #dueInMs(): number {
    if (this.#current === undefined) return 0;
    const { validFromDate, validToDate } = new X509Certificate(this.#current.certificate);
    const lifetimeMs = validToDate.getTime() - validFromDate.getTime();
    return validFromDate.getTime() + lifetimeMs * renewAfterShare - this.#nowMs();
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)();
  }
}

/** @throws PkiError `SIGNING_REFUSED` */
function requireNoRefusal(name: string, conditions: readonly Condition[]): void {
  const refusal = conditions.find(({ type }) => type === 'Denied' || type === 'Failed');
  if (refusal === undefined) return;
  throw new PkiError(
    'SIGNING_REFUSED',
    `request ${name} for a serving certificate was refused: ${refusal.message ?? refusal.reason ?? refusal.type}`,
  );
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString();
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
