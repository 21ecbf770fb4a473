/** Every bound and delay of a session. docs/limits.md has a row for each. */
export interface TunnelLimits {
  /** Receive window that yamux gives every stream when it opens. Fixed by the specification. */
  readonly initialWindowBytes: number;
  /** Size up to which the window of one stream may grow. */
  readonly maxWindowBytes: number;
  /** Sum of what all windows of a session may have grown beyond their initial size. */
  readonly maxWindowGrowthBytes: number;
  /** Bytes received and not yet read, over all streams of a session. */
  readonly maxUnreadBytes: number;
  /** Streams that the peer may have open at once. */
  readonly maxInboundStreams: number;
  /** Streams that this end may have open at once. */
  readonly maxOutboundStreams: number;
  /** Streams that the peer may open in a burst, and each second after that. */
  readonly maxOpenBurst: number;
  readonly maxOpensPerSecond: number;
  /** Pings that the peer may send in a burst, and each second after that. */
  readonly maxPingBurst: number;
  readonly maxPingsPerSecond: number;
  /** Answers to the peer that may wait for the connection to take them. */
  readonly maxQueuedControlFrames: number;
  /** Payload of one data frame that this end sends. */
  readonly maxChunkBytes: number;
  readonly minChunkBytes: number;
  /** Bytes handed to the connection in one piece. */
  readonly maxBatchBytes: number;
  /** Bytes handed to the connection and not yet taken by the kernel. */
  readonly maxBufferedBytes: number;
  /** Bytes on their way to the peer before their delay has been measured, and at least ever. */
  readonly initialInFlightBytes: number;
  readonly minInFlightBytes: number;
  /** Queueing delay that bulk data may add on the way to the peer. */
  readonly maxQueueDelayMs: number;
  /** Bytes that a stream takes from its writer before it says stop. */
  readonly streamWriteBufferBytes: number;
  /** Silence after which this end pings. The accepting end waits a little longer. */
  readonly pingAfterMs: number;
  /** Silence after which this end pings when it has sent something since it heard the peer last. */
  readonly askAfterMs: number;
  /** Silence after which the peer is dead. */
  readonly deadAfterMs: number;
  /** Time for the peer to accept a stream. */
  readonly openTimeoutMs: number;
  /** Time for the closing handshake of the connection. */
  readonly closeTimeoutMs: number;
}

const kib = 1024;
const mib = 1024 * kib;

export const defaultLimits: TunnelLimits = {
  initialWindowBytes: 256 * kib,
  maxWindowBytes: 16 * mib,
  maxWindowGrowthBytes: 32 * mib,
  maxUnreadBytes: 64 * mib,
  maxInboundStreams: 4096,
  maxOutboundStreams: 4096,
  maxOpenBurst: 8192,
  maxOpensPerSecond: 4096,
  maxPingBurst: 2000,
  maxPingsPerSecond: 1000,
  maxQueuedControlFrames: 8192,
  maxChunkBytes: 16 * kib - 20,
  minChunkBytes: kib,
  maxBatchBytes: 16 * kib - 8,
  maxBufferedBytes: 256 * kib,
  initialInFlightBytes: 16 * kib,
  minInFlightBytes: 8 * kib,
  maxQueueDelayMs: 50,
  streamWriteBufferBytes: 64 * kib,
  pingAfterMs: 20_000,
  askAfterMs: 5_000,
  deadAfterMs: 28_000,
  openTimeoutMs: 30_000,
  closeTimeoutMs: 2_000,
};

/** Arrays and objects within each other in a JSON frame; Kubernetes' own objects need no 20. */
export const maxJsonDepth = 64;
/** Largest WebSocket message that is accepted. */
export const maxMessageBytes = 256 * kib;
/** Fragments of one WebSocket message. */
export const maxMessageFragments = 64;
/** Bytes kept of the body with which a server turns an upgrade down. */
export const maxRejectionBytes = 4 * kib;
/** Bytes of the answer of a proxy, up to the end of its head. */
export const maxProxyHeadBytes = 16 * kib;
/** Buffers of the size of a batch that a session keeps for sending while it sends. */
export const maxPooledBuffers = 32;
/** A pool that nobody took a buffer from for so long gives them up. */
export const poolTrimAfterMs = 2_000;

/** Time for one address to take a TCP connection. */
export const connectTimeoutMs = 4_000;
/** Time from there to an open WebSocket. */
export const handshakeTimeoutMs = 6_000;
/** Head start of one address before the next is tried beside it (RFC 8305, section 5). */
export const headStartMs = 300;
/** Bounds of the delay before a reconnect while there is no road: a site is back soon after its link. */
export const minReconnectDelayMs = 500;
export const maxReconnectDelayMs = 4_000;
/** Ceiling of the delay when somebody answers and says no, which time alone seldom changes. */
export const maxRejectedDelayMs = 30_000;
/** A new identity or certificate is tried at once, so many times until a dial succeeds. */
export const maxPromptMends = 3;
/** A session that lasted so long was stable: the next failure begins with a short delay again. */
export const stableAfterMs = 30_000;
/** Time that the streams of a session may take to end once its peer has said that it goes away. */
export const maxDrainMs = 3_600_000;
/** The accepting end waits this much longer with its ping, so that normally only one end pings. */
export const acceptorPingDelayMs = 4_000;

/** The slowest link that isn't taken for a dead one while something is on its way, in bytes per second. */
export const slowestBytesPerSecond = 500;

/** Age at which the shortest round trip is measured anew, as the path may have changed. */
export const minRttMemoryMs = 10_000;
export const probeIntervalMs = 5;
/** Pings that are on their way at once while data flows. */
export const probesUnderWay = 8;
export const minProbeBytes = 2048;
/** What the bound grows by in a round trip: doubling at first, carefully after a queue was seen. */
export const maxGrowth = 2;
export const minGrowth = 1.25;
/** Time without use after which half of the bound is forgotten, at least and in round trips. */
export const minUnusedMs = 100;
export const unusedRoundTrips = 4;
/** Time that one piece may take on the wire, so that what is urgent finds a gap soon. */
export const pieceMs = 10;
