import { nested, repeated } from './proto-composites.ts';
import { message, type MessageOf } from './proto-message.ts';
import { nanoseconds, uint64 } from './proto-numbers.ts';
import { bool, repeatedString, string, stringMap } from './proto-strings.ts';
import { Int64Value, UInt64Value } from './resource-messages.ts';
import { PodSandboxConfig } from './sandbox-messages.ts';

export const ImageSpec = message({
  image: string(1),
  annotations: stringMap(2),
  userSpecifiedImage: string(18),
  runtimeHandler: string(19),
  imageRef: string(20),
});
export type ImageSpec = MessageOf<typeof ImageSpec>;

/** `size` in bytes. `uid` and `username` are the image's own user; only one of them is set. */
export const Image = message({
  id: string(1),
  repoTags: repeatedString(2),
  repoDigests: repeatedString(3),
  size: uint64(4),
  uid: nested(5, Int64Value),
  username: string(6),
  spec: nested(7, ImageSpec),
  pinned: bool(8),
});
export type Image = MessageOf<typeof Image>;

export const ImageFilter = message({ image: nested(1, ImageSpec) });
export type ImageFilter = MessageOf<typeof ImageFilter>;

export const ListImagesRequest = message({ filter: nested(1, ImageFilter) });
export type ListImagesRequest = MessageOf<typeof ListImagesRequest>;

export const ListImagesResponse = message({ images: repeated(1, Image) });
export type ListImagesResponse = MessageOf<typeof ListImagesResponse>;

export const ImageStatusRequest = message({ image: nested(1, ImageSpec), verbose: bool(2) });
export type ImageStatusRequest = MessageOf<typeof ImageStatusRequest>;

/** `image` is undefined when the runtime does not have it. */
export const ImageStatusResponse = message({ image: nested(1, Image), info: stringMap(2) });
export type ImageStatusResponse = MessageOf<typeof ImageStatusResponse>;

export const AuthConfig = message({
  username: string(1),
  password: string(2),
  auth: string(3),
  serverAddress: string(4),
  identityToken: string(5),
  registryToken: string(6),
});
export type AuthConfig = MessageOf<typeof AuthConfig>;

export const PullImageRequest = message({
  image: nested(1, ImageSpec),
  auth: nested(2, AuthConfig),
  sandboxConfig: nested(3, PodSandboxConfig),
});
export type PullImageRequest = MessageOf<typeof PullImageRequest>;

export const PullImageResponse = message({ imageRef: string(1) });
export type PullImageResponse = MessageOf<typeof PullImageResponse>;

export const RemoveImageRequest = message({ image: nested(1, ImageSpec) });
export type RemoveImageRequest = MessageOf<typeof RemoveImageRequest>;

export const FilesystemIdentifier = message({ mountpoint: string(1) });
export type FilesystemIdentifier = MessageOf<typeof FilesystemIdentifier>;

export const FilesystemUsage = message({
  timestamp: nanoseconds(1),
  fsId: nested(2, FilesystemIdentifier),
  usedBytes: nested(3, UInt64Value),
  inodesUsed: nested(4, UInt64Value),
});
export type FilesystemUsage = MessageOf<typeof FilesystemUsage>;

export const ImageFsInfoResponse = message({
  imageFilesystems: repeated(1, FilesystemUsage),
  containerFilesystems: repeated(2, FilesystemUsage),
});
export type ImageFsInfoResponse = MessageOf<typeof ImageFsInfoResponse>;
