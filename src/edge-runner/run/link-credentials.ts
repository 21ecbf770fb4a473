import type { JoinResponse } from '../../protocol/join.ts';
import type { TunnelTls } from '../../tunnel/dial.ts';
import type { Identity } from '../join/identity.ts';

/** What the link proves this device's site by, and knows the provider by; both may change while it runs. */
export interface LinkCredentials {
  readonly identity: Identity;
  /** For the next connection. */
  tls(): TunnelTls;
  /** `trustDigestOf` the CAs that are trusted here; undefined where the provider has no say in them. */
  trustDigest(): string | undefined;
  /** Looks for what somebody else has put in their place. @returns whether anything is new. @throws JoinError */
  reload(): Promise<boolean>;
  /** Whether the provider renews them, when asked by the key. */
  readonly isRenewable: boolean;
  /** Takes what the provider has renewed. @throws JoinError */
  install(renewed: JoinResponse): Promise<void>;
}
