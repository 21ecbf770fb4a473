/** Why something can't be done with a site. */
export type SiteErrorCode =
  /** The site isn't connected at the moment. */
  'SITE_DISCONNECTED';

/** A site that can't be reached. The message is for a person. */
export class SiteError extends Error {
  readonly code: SiteErrorCode;

  constructor(code: SiteErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SiteError';
    this.code = code;
  }
}
