import { request } from 'node:https';
import type { KeyAndCertificate } from './certificates.ts';

/** How an HTTPS server is asked. */
export interface HttpsStatusOptions {
  /** The CA of its certificate; without, any certificate will do. */
  readonly authorityPem?: string;
  readonly user?: KeyAndCertificate;
  readonly timeoutMs?: number;
}

/** Asks an HTTPS server for a path and gives the status code, or undefined when nobody answers well. */
export function httpsStatus(url: string, options: HttpsStatusOptions): Promise<number | undefined> {
  const { authorityPem, user, timeoutMs = 2_000 } = options;
  return new Promise((resolve) => {
    const asked = request(
      url,
      {
        timeout: timeoutMs,
        agent: false,
        ...(authorityPem === undefined ? { rejectUnauthorized: false } : { ca: authorityPem }),
        ...(user !== undefined && { cert: user.certificatePem, key: user.keyPem }),
      },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    asked.on('timeout', () => {
      asked.destroy();
    });
    asked.on('error', () => {
      resolve(undefined);
    });
    asked.end();
  });
}
