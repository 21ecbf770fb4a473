import { nested } from '../cri/proto-composites.ts';
import { message, type MessageOf } from '../cri/proto-message.ts';
import { int32, int64, uint32 } from '../cri/proto-numbers.ts';
import { bytes, repeatedString, string } from '../cri/proto-strings.ts';

/** `google.protobuf.Timestamp`. */
export const Timestamp = message({ seconds: int64(1), nanos: int32(2) });
export type Timestamp = MessageOf<typeof Timestamp>;

/** `google.protobuf.Any`; containerd writes the bare type name, without a URL's host. */
export const Any = message({ typeUrl: string(1), value: bytes(2) });
export type Any = MessageOf<typeof Any>;

export const SubscribeRequest = message({ filters: repeatedString(1) });
export type SubscribeRequest = MessageOf<typeof SubscribeRequest>;

export const PublishRequest = message({ topic: string(1), event: nested(2, Any) });
export type PublishRequest = MessageOf<typeof PublishRequest>;

export const Envelope = message({
  timestamp: nested(1, Timestamp),
  namespace: string(2),
  topic: string(3),
  event: nested(4, Any),
});
export type Envelope = MessageOf<typeof Envelope>;

export const TaskCreate = message({ containerId: string(1), pid: uint32(6) });
export const TaskStart = message({ containerId: string(1), pid: uint32(2) });

/** `id` is the exec's, or the container's own or empty for its first process. */
export const TaskExit = message({
  containerId: string(1),
  id: string(2),
  pid: uint32(3),
  exitStatus: uint32(4),
  exitedAt: nested(5, Timestamp),
});

/** `id` as in TaskExit. */
export const TaskDelete = message({
  containerId: string(1),
  pid: uint32(2),
  exitStatus: uint32(3),
  exitedAt: nested(4, Timestamp),
  id: string(5),
});

/** TaskOOM, TaskPaused and TaskResumed hold the id alone. */
export const TaskNotice = message({ containerId: string(1) });

/** ContainerCreate, ContainerUpdate and ContainerDelete, as far as they are used. */
export const ContainerNotice = message({ id: string(1) });

/** ImageCreate, ImageUpdate and ImageDelete, as far as they are used. */
export const ImageNotice = message({ name: string(1) });
