import {
  CheckpointContainerRequest,
  ContainerRequest,
  ContainerStatusRequest,
  ContainerStatusResponse,
  CreateContainerRequest,
  CreateContainerResponse,
  ListContainersRequest,
  ListContainersResponse,
  StopContainerRequest,
  UpdateContainerResourcesRequest,
} from './container-messages.ts';
import type { GrpcMethod } from './grpc-channel.ts';
import {
  ImageFsInfoResponse,
  ImageStatusRequest,
  ImageStatusResponse,
  ListImagesRequest,
  ListImagesResponse,
  PullImageRequest,
  PullImageResponse,
  RemoveImageRequest,
} from './image-messages.ts';
import type { Message } from './proto-types.ts';
import {
  Empty,
  RuntimeConfigResponse,
  StatusRequest,
  StatusResponse,
  UpdateRuntimeConfigRequest,
  VersionRequest,
  VersionResponse,
} from './runtime-messages.ts';
import {
  ListPodSandboxRequest,
  ListPodSandboxResponse,
  PodSandboxRequest,
  PodSandboxStatusRequest,
  PodSandboxStatusResponse,
  RunPodSandboxRequest,
  RunPodSandboxResponse,
  UpdatePodSandboxResourcesRequest,
} from './sandbox-messages.ts';
import {
  ContainerStatsResponse,
  ListContainerStatsRequest,
  ListContainerStatsResponse,
  ListPodSandboxStatsRequest,
  ListPodSandboxStatsResponse,
  PodSandboxStatsResponse,
} from './stats-messages.ts';
import {
  AttachRequest,
  ExecRequest,
  ExecSyncRequest,
  ExecSyncResponse,
  PortForwardRequest,
  StreamingUrlResponse,
} from './streaming-messages.ts';

/** The calls of `runtime.v1.RuntimeService`. */
export const runtimeMethods = {
  version: runtime('Version', VersionRequest, VersionResponse),
  status: runtime('Status', StatusRequest, StatusResponse),
  runtimeConfig: runtime('RuntimeConfig', Empty, RuntimeConfigResponse),
  updateRuntimeConfig: runtime('UpdateRuntimeConfig', UpdateRuntimeConfigRequest, Empty),

  runPodSandbox: runtime('RunPodSandbox', RunPodSandboxRequest, RunPodSandboxResponse),
  stopPodSandbox: runtime('StopPodSandbox', PodSandboxRequest, Empty),
  removePodSandbox: runtime('RemovePodSandbox', PodSandboxRequest, Empty),
  podSandboxStatus: runtime('PodSandboxStatus', PodSandboxStatusRequest, PodSandboxStatusResponse),
  listPodSandbox: runtime('ListPodSandbox', ListPodSandboxRequest, ListPodSandboxResponse),
  updatePodSandboxResources: runtime(
    'UpdatePodSandboxResources',
    UpdatePodSandboxResourcesRequest,
    Empty,
  ),

  createContainer: runtime('CreateContainer', CreateContainerRequest, CreateContainerResponse),
  startContainer: runtime('StartContainer', ContainerRequest, Empty),
  stopContainer: runtime('StopContainer', StopContainerRequest, Empty),
  removeContainer: runtime('RemoveContainer', ContainerRequest, Empty),
  listContainers: runtime('ListContainers', ListContainersRequest, ListContainersResponse),
  containerStatus: runtime('ContainerStatus', ContainerStatusRequest, ContainerStatusResponse),
  updateContainerResources: runtime(
    'UpdateContainerResources',
    UpdateContainerResourcesRequest,
    Empty,
  ),
  reopenContainerLog: runtime('ReopenContainerLog', ContainerRequest, Empty),
  checkpointContainer: runtime('CheckpointContainer', CheckpointContainerRequest, Empty),

  execSync: runtime('ExecSync', ExecSyncRequest, ExecSyncResponse),
  exec: runtime('Exec', ExecRequest, StreamingUrlResponse),
  attach: runtime('Attach', AttachRequest, StreamingUrlResponse),
  portForward: runtime('PortForward', PortForwardRequest, StreamingUrlResponse),

  containerStats: runtime('ContainerStats', ContainerRequest, ContainerStatsResponse),
  listContainerStats: runtime(
    'ListContainerStats',
    ListContainerStatsRequest,
    ListContainerStatsResponse,
  ),
  podSandboxStats: runtime('PodSandboxStats', PodSandboxRequest, PodSandboxStatsResponse),
  listPodSandboxStats: runtime(
    'ListPodSandboxStats',
    ListPodSandboxStatsRequest,
    ListPodSandboxStatsResponse,
  ),
} as const;

/** The calls of `runtime.v1.ImageService`. */
export const imageMethods = {
  listImages: image('ListImages', ListImagesRequest, ListImagesResponse),
  imageStatus: image('ImageStatus', ImageStatusRequest, ImageStatusResponse),
  pullImage: image('PullImage', PullImageRequest, PullImageResponse),
  removeImage: image('RemoveImage', RemoveImageRequest, Empty),
  imageFsInfo: image('ImageFsInfo', Empty, ImageFsInfoResponse),
} as const;

function runtime<Request, Response>(
  name: string,
  request: Message<unknown, Request>,
  response: Message<Response, never>,
): GrpcMethod<Request, Response> {
  return { service: 'runtime.v1.RuntimeService', name, request, response };
}

function image<Request, Response>(
  name: string,
  request: Message<unknown, Request>,
  response: Message<Response, never>,
): GrpcMethod<Request, Response> {
  return { service: 'runtime.v1.ImageService', name, request, response };
}
