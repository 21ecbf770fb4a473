const dayMs = 24 * 60 * 60 * 1000;

/** How long a CA certificate is valid. */
export const caLifetimeMs = 3650 * dayMs;

/** How long a site's certificate is valid, unless `--site-certificate-lifetime` says otherwise. */
export const siteLifetimeMs = 30 * dayMs;

/** Bounds of `--site-certificate-lifetime`. */
export const minSiteLifetimeMs = 3_000;
export const maxSiteLifetimeMs = 365 * dayMs;

/** How long a certificate of the provider's own listeners is valid. */
export const servingLifetimeMs = 30 * dayMs;

/** Certificates begin this long before now: a device's clock may be behind. */
export const backdateMs = 60 * 60 * 1000;

/** Share of its lifetime after which a certificate is renewed. */
export const renewAfterShare = 2 / 3;

/** Longest time between two looks at whether a certificate is due, so that a clock set forward is noticed. */
export const renewalCheckMs = 60 * 60 * 1000;

/** How often it is looked whether the old CA is still needed, while the CA is rolled: join tokens end by themselves. */
export const caRollCheckMs = 60_000;

/** How often the files of an outside SPIFFE authority are read again. */
export const svidFilesCheckMs = 5_000;

/** How long a site may take to store its new certificate. */
export const renewalReplyTimeoutMs = 30_000;

/** When a site that did not take its new certificate is sent another one. */
export const renewalRetryMs = 60_000;

/** How often it is looked whether the cluster has issued a certificate that was asked for. */
export const signingPollMs = 5_000;

/** When the cluster is asked again for a certificate that it did not issue. */
export const signingRetryMs = 10 * 60_000;
