import type { X509Certificate } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { isValid, userOfCertificate } from './client-certificate.ts';
import { maxKnownCertificates } from './limits.ts';
import type { User } from './user.ts';

/**
 * The users of client certificates, each read once: an API server makes a connection for every `exec`,
 * and shows the same one each time. Whether it is valid is asked every time.
 */
export class CertificateUsers {
  /** By the SHA-256 of the whole certificate. */
  readonly #users = new LRUCache<string, User>({ max: maxKnownCertificates });

  /** As `userOfCertificate`. Don't change it: it is shared. */
  userOf(certificate: X509Certificate, now: Date = new Date()): User | undefined {
    if (!isValid(certificate, now)) return undefined;
    const known = this.#users.get(certificate.fingerprint256);
    if (known !== undefined) return known;
    const user = userOfCertificate(certificate, now);
    if (user !== undefined) this.#users.set(certificate.fingerprint256, user);
    return user;
  }
}
