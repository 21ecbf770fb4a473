/** Limits and rhythms of the provider; each has a row in docs/limits.md. */

/** How long a stream that a runner opened may wait with its head, in ms. */
export const streamHeadTimeoutMs = 10_000;

/** Most report messages of one site that are worked on at once; more wait in the tunnel. */
export const maxReportsInFlight = 32;

/** Most pod statuses that are written to the API at once, over all sites. */
export const maxPodWrites = 32;

/** Most nodes and sites that are written to the API at once. */
export const maxNodeWrites = 16;

/** Events about one Node: further ones are dropped (client-go's spam filter). */
export const nodeEventBurst = 25;
export const nodeEventsPerSecond = 1 / 300;

/** Events about all Nodes together: so many at once, and then so many a second; further ones are dropped. */
export const allNodeEvents = { burst: 100, perSecond: 10 };

/** Most tolerations that are written to the API at once: never urgent. */
export const maxTolerationWrites = 2;

/** Most Secrets that are fetched at once, over all sites. */
export const maxSecretReads = 32;

/** How old a Secret may get while a connected site holds it, in ms, however many there are. */
export const maxSecretAgeMs = 60_000;

/** How old a Secret is at least before it is read again, in ms. */
export const minSecretAgeMs = 5_000;

/** So many Secrets are read again a second, over all sites, as far as the two ages allow. */
export const secretReadsPerSecond = 10;

/** First delay before a Secret that isn't there is looked for again, in ms; it doubles until it is as long as for one that is there. */
export const missingSecretRetryMs = 1_000;

/** Time between two renewals of a node's Lease, in ms (as a kubelet: a quarter of its duration). */
export const leaseRenewMs = 10_000;

/** `leaseDurationSeconds` of a node's Lease (the kubelet's default). */
export const leaseDurationSeconds = 40;

/** Longest time between two reports of an unchanged node status, in ms (the kubelet's default). */
export const nodeStatusIntervalMs = 5 * 60_000;

/** Longest time between two updates of a connected Site's `lastSeen`, in ms. */
export const lastSeenIntervalMs = 5 * 60_000;

/** Default of how long a site may be away before its Node says so, in ms. */
export const disconnectGraceMs = 40_000;

/** Default of how long running streams may take to finish when the provider stops, in ms. */
export const drainGraceMs = 10_000;

/** How long a site that is being deleted may take to stop its last pods before it is asked again, in ms. */
export const leaveTimeoutMs = 10 * 60_000;

/** How long after its grace a pod that was taken from a site may take to be over there, in ms. */
export const leaveMarginMs = 5_000;

/** When a site that could not stop its last pods is asked again, in ms. */
export const leaveRetryMs = 10_000;

/** First delay before a failed write is tried again, in ms; it doubles up to `maxRetryDelayMs`. */
export const minRetryDelayMs = 200;

/** Longest delay between two attempts of the same write, in ms. */
export const maxRetryDelayMs = 30_000;

/** The same, while nobody answers. */
export const maxUnreachableDelayMs = 4_000;

/** How long after a change of a pod its tolerations are looked at, while its site is connected, in ms. */
export const tolerationSweepMs = 30_000;

/** How long the cluster's objects may take to come when the provider starts, in ms. */
export const syncTimeoutMs = 60_000;

/** How often it is tried again to make a node whose name another one has, in ms. */
export const nameTakenRetryMs = 30_000;

/** How old a Node may get before its site no longer waits for its pod ranges, in ms. */
export const podRangeWaitMs = 5_000;

/** How many of the cluster's other Nodes are looked at to see whether they have some. */
export const podRangeSample = 20;

/** How long it counts that they had none, in ms. */
export const podRangeLookMs = 60_000;

/** How long it may take to learn, before anything starts, whether this cluster can be served, in ms. */
export const preflightTimeoutMs = 10_000;

/** After how long the log says that the API server is waited for, in ms. */
export const progressAfterMs = 2_000;

/** How long the same event of the provider's own is not told again, in ms. */
export const repeatedEventMs = 10 * 60_000;

/** Most events of the provider's own that are remembered for that. */
export const maxRecordedEvents = 10_000;

/** Most Services of a namespace that the environments of a site's pods lead to. */
export const maxServiceLinks = 256;

/** Smallest ConfigMap, by its data, of which a change is sent instead of the whole, in bytes. */
export const minPatchedBytes = 4 * 1024;

/** Most data of past versions of ConfigMaps that is kept to make such changes, over all sites, in bytes. */
export const maxPastVersionBytes = 64 * 1024 * 1024;

/** Most changes that are kept to send them to further sites, in bytes. */
export const maxPastPatchBytes = 4 * 1024 * 1024;

/** Events of all sites together: so many at once, and then so many a second. */
export const eventWrites = { burst: 200, perSecond: 50 };

/** Pod statuses, and ends of pods, of all sites together: so many at once, and then so many a second. */
export const statusWrites = { burst: 500, perSecond: 100 };

/** Tokens that all sites together ask for: so many at once, and then so many a second. */
export const tokenRequests = { burst: 500, perSecond: 100 };

/** Tokens that one site asks for: so many at once, and then so many a second. */
export const siteTokenRequests = { burst: 300, perSecond: 1 };

/**
 * How long a request for a token may wait for that, in ms. The runner waits for 30 s: an answer that came
 * later would help nobody, and those behind it would be late too.
 */
export const maxTokenWaitMs = 15_000;

/** Whatever one site has written by its reports: so much at once, and then so much a second. */
export const siteWrites = { burst: 300, perSecond: 20 };

/** Most reports of one site that wait for that. */
export const maxWaitingSiteWrites = 4_000;

/** Messages of a site about pods that still end: a burst, and then a rate. */
export const endingBurst = 1_000;
export const endingsPerSecond = 10;
