import { message } from '../cri/proto-message.ts';
import { int32 } from '../cri/proto-numbers.ts';
import { string } from '../cri/proto-strings.ts';

/** Messages of `grpc.health.v1.Health/Check` (gRPC Health Checking Protocol). */
export const HealthCheckRequest = message({ service: string(1) });

/** `status` is one of `servingStatuses` by its place. */
export const HealthCheckResponse = message({ status: int32(1) });

export const servingStatuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
