import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readPage, root, sectionsOf } from './markdown.ts';

const sections = sectionsOf(readPage('events.md'));
const source = ['src/edge-runner', 'src/kube', 'src/provider/node']
  .map((folder) => textOf(join(root, folder)))
  .join('\n');

function textOf(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
}

/** Reasons in the first column of a section's table. */
function reasonsIn(heading: string): string[] {
  const rows = sections.find((section) => section.heading === heading)?.rows ?? [];
  return rows.flatMap(([cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  );
}

/** What a kubelet of 1.36 tells: pkg/kubelet/events/event.go, and what stands beside it. */
const kubelets = `
  AlreadyMountedVolume BackOff CgroupV1 CheckLimitsForResolvConf ContainerGCFailed Created DNSConfigForming
  ErrImageNeverPull EvictionThresholdMet ExceededGracePeriod Failed FailedAttachVolume FailedCreatePodContainer
  FailedCreatePodSandBox FailedKillPod FailedMapVolume FailedMount FailedMountOnFilesystemMismatch
  FailedNodeAllocatableEnforcement FailedNodeDeclaredFeaturesCheck FailedPodSandBoxStatus FailedPostStartHook
  FailedPreStopHook FailedPrepareDynamicResources FailedSync FailedToRetrieveImagePullSecret FailedValidation
  FileSystemResizeFailed FileSystemResizeSuccessful FreeDiskSpaceFailed HostIPsIPFamilyMismatch ImageGCFailed
  InspectFailed InvalidDiskCapacity InvalidImageID Killing KubeletSetupFailed LifecycleHTTPFallback
  MissingClusterDNS NetworkNotReady NodeAllocatableEnforced NodeHasDiskPressure NodeHasInsufficientMemory
  NodeHasInsufficientPID NodeHasNoDiskPressure NodeHasSufficientMemory NodeHasSufficientPID NodeNotReady NodeNotSchedulable NodeReady
  NodeSchedulable PossibleMemoryBackedVolumesOnDisk Preempting ProbeWarning Pulled Pulling Rebooted
  ResizeCompleted ResizeDeferred ResizeError ResizeInfeasible ResizeStarted SandboxChanged Shutdown Started
  Starting SuccessfulAttachVolume SuccessfulMountVolume SystemOOM Unhealthy VolumeConditionAbnormal
  VolumePermissionChangeInProgress VolumeResizeFailed VolumeResizeSuccessful
`
  .trim()
  .split(/\s+/);

/** Made of a condition's reason. */
const composed = ['ResizeDeferred', 'ResizeInfeasible'];

void t.test('every reason of a kubelet is told, or not for a reason', (t) => {
  const told = [...reasonsIn('Told by the runner'), ...reasonsIn('Told by the provider')];
  const untold = reasonsIn('Not told');
  t.same(
    told.filter((reason) => untold.includes(reason)),
    [],
    'never both',
  );
  t.same(
    kubelets.filter((reason) => !told.includes(reason) && !untold.includes(reason)),
    [],
  );
  t.end();
});

void t.test('what is told is in the program, and all that is there is told', (t) => {
  const told = [...reasonsIn('Told by the runner'), ...reasonsIn('Told by the provider')];
  for (const reason of told.filter((each) => !composed.includes(each))) {
    t.ok(new RegExp(`'${reason}'`).test(source), reason);
  }
  const recorded = [
    ...source.matchAll(/\brecord\(\s*'(?:Normal|Warning)',\s*'(\w+)'/g),
    ...source.matchAll(/\bwarn\(\s*'(\w+)'/g),
  ].map(([, reason = '']) => reason);
  t.ok(recorded.length > 20, 'the calls are found');
  t.same(
    [...new Set(recorded)].filter((reason) => !told.includes(reason)),
    [],
  );
  t.end();
});
