import { repeated } from './proto-composites.ts';
import { message, type MessageOf } from './proto-message.ts';
import { int64, uint64 } from './proto-numbers.ts';
import { string, stringMap } from './proto-strings.ts';

/** A value that can be absent: absent is not 0. */
export const Int64Value = message({ value: int64(1) });
export type Int64Value = MessageOf<typeof Int64Value>;

/** A value that can be absent: absent is not 0. */
export const UInt64Value = message({ value: uint64(1) });
export type UInt64Value = MessageOf<typeof UInt64Value>;

/** `pageSize` is written like `2MB`; `limit` is in bytes. */
export const HugepageLimit = message({ pageSize: string(1), limit: uint64(2) });
export type HugepageLimit = MessageOf<typeof HugepageLimit>;

/** Periods and quotas in microseconds, memory in bytes; 0 means not specified. */
export const LinuxContainerResources = message({
  cpuPeriod: int64(1),
  cpuQuota: int64(2),
  cpuShares: int64(3),
  memoryLimitInBytes: int64(4),
  oomScoreAdj: int64(5),
  cpusetCpus: string(6),
  cpusetMems: string(7),
  hugepageLimits: repeated(8, HugepageLimit),
  unified: stringMap(9),
  memorySwapLimitInBytes: int64(10),
});
export type LinuxContainerResources = MessageOf<typeof LinuxContainerResources>;
