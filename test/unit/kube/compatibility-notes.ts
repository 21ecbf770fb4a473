export interface Row {
  field: string;
  honoured: 'yes' | 'partly' | 'no';
  note: string;
}

/** Fields whose rule lists every value that the API has. */
export const everyValue = new Set([
  'spec.containers[].env[].valueFrom.fieldRef.apiVersion',
  'spec.containers[].imagePullPolicy',
  'spec.containers[].lifecycle.postStart.httpGet.scheme',
  'spec.containers[].lifecycle.preStop.httpGet.scheme',
  'spec.containers[].livenessProbe.httpGet.scheme',
  'spec.containers[].ports[].protocol',
  'spec.containers[].readinessProbe.httpGet.scheme',
  'spec.containers[].startupProbe.httpGet.scheme',
  'spec.containers[].restartPolicy',
  'spec.containers[].securityContext.appArmorProfile.type',
  'spec.containers[].securityContext.procMount',
  'spec.containers[].securityContext.seccompProfile.type',
  'spec.dnsPolicy',
  'spec.securityContext.appArmorProfile.type',
  'spec.securityContext.seLinuxChangePolicy',
  'spec.securityContext.seccompProfile.type',
  'spec.securityContext.supplementalGroupsPolicy',
  'spec.containers[].restartPolicyRules[].action',
  'spec.containers[].restartPolicyRules[].exitCodes.operator',
  'spec.containers[].terminationMessagePolicy',
  'spec.containers[].volumeMounts[].mountPropagation',
  'spec.containers[].volumeMounts[].recursiveReadOnly',
  'spec.restartPolicy',
  'spec.securityContext.fsGroupChangePolicy',
  'spec.volumes[].downwardAPI.items[].fieldRef.apiVersion',
  'spec.volumes[].emptyDir.medium',
  'spec.volumes[].hostPath.type',
  'spec.volumes[].image.pullPolicy',
  'spec.volumes[].projected.sources[].downwardAPI.items[].fieldRef.apiVersion',
]);

/** As by a kubelet without device plugins. */
const counted =
  'CPU, memory, huge pages and ephemeral storage; extended resources are counted where the Node has them, and give nothing';

/** What is not done of a field that is honoured. */
export const partlyNotes: Partial<Record<string, string>> = {
  'spec.containers[].resources.requests': counted,
  'spec.containers[].resources.limits': counted,
  'spec.resources.requests': 'as of containers',
  'spec.resources.limits':
    'as of containers; with the driver `systemd` huge pages bound each container, not the pod',
  'spec.enableServiceLinks': 'for the 256 oldest Services of the namespace',
  'spec.ephemeralContainers[]': 'as `containers`',
  'spec.initContainers[]': 'as `containers`',
  'spec.hostUsers':
    '`false` where the runtime can (containerd 2.0 with runc 1.2, on Linux 6.3); elsewhere such a pod waits, as under a kubelet',
  'spec.os.name': 'a pod of another system than `linux` is rejected as `PodOSNotSupported`',
  'spec.securityContext.appArmorProfile.localhostProfile': 'a profile that the device has',
  'spec.securityContext.seccompProfile.localhostProfile':
    'a profile in `seccomp/` of the runner’s `--state-dir`',
  'spec.containers[].securityContext.appArmorProfile.localhostProfile':
    'a profile that the device has',
  'spec.containers[].securityContext.seccompProfile.localhostProfile':
    'a profile in `seccomp/` of the runner’s `--state-dir`',
  'spec.securityContext.seLinuxChangePolicy': 'volumes are labelled by the runtime',
  'spec.containers[].volumeMounts[].recursiveReadOnly': '`Enabled` with a runtime that can do it',
  'spec.readinessGates[]': 'as far as the conditions reach the site',
  'spec.volumes[].persistentVolumeClaim':
    'with a PersistentVolume of kind `hostPath`, `local` (a folder) or `nfs`',
  'spec.volumes[].ephemeral': 'as `persistentVolumeClaim`',
  'spec.volumes[].projected.sources[].clusterTrustBundle':
    'where the API serves them and the provider may read them, `manifests/trust-bundles.yaml`',
  'spec.volumes[].image':
    'with a runtime that can mount images, as containerd 2.1 (all of it, whatever subPath says); an older one refuses the container',
  'spec.volumes[].nfs': 'where the device has `mount.nfs`',
  'spec.volumes[].emptyDir.medium': 'on disk and `Memory`, not huge pages',
};

/** Why a field is not honoured: the first pattern that matches. */
export const noReasons: [pattern: RegExp, reason: string][] = [
  [/\.windowsOptions$/, 'a site runs Linux'],
  [/claims\[\]$|\.resourceClaims\[\]$/i, 'there is no dynamic resource allocation at a site'],
  [/\.volumeDevices\[\]$/, 'there are no block volumes at a site'],
  [/\.podCertificate$/, 'certificates for pods are not made yet'],
  [/\.(csi|flexVolume)$/, 'there are no storage drivers at a site'],
  [
    /\.(gitRepo|flocker|glusterfs|quobyte|storageos|scaleIO|photonPersistentDisk)$/,
    'withdrawn from Kubernetes',
  ],
  [
    /\.(awsElasticBlockStore|azureDisk|azureFile|cinder|gcePersistentDisk|portworxVolume|vsphereVolume)$/,
    'needs a cloud’s storage driver',
  ],
  [/\.(cephfs|fc|iscsi|rbd)$/, 'needs a storage network'],
];

const yes = { honoured: 'yes', note: '' } as const;

function no(note: string): Omit<Row, 'field'> {
  return { honoured: 'no', note };
}

function partly(note: string): Omit<Row, 'field'> {
  return { honoured: 'partly', note };
}

const podResources = partly(
  'where the pod has resources as a whole: its own CPU and memory, not a sum',
);
const noClaims = no('there is no dynamic resource allocation at a site');

/** Fields that a site reports. */
export const statusFields: Partial<Record<string, Omit<Row, 'field'>>> = {
  'status.allocatedResources': podResources,
  'status.conditions': partly(
    '`PodReadyToStartContainers`, `Initialized`, `Ready`, `ContainersReady`, `PodResizePending`, `PodResizeInProgress`, `AllContainersRestarting`; others are left as they are',
  ),
  'status.containerStatuses': partly('see below'),
  'status.ephemeralContainerStatuses': partly('see below'),
  'status.extendedResourceClaimStatus': noClaims,
  'status.hostIP': yes,
  'status.hostIPs': partly(
    'the address of the node; from Kubernetes 1.29 on, which serves the field',
  ),
  'status.initContainerStatuses': partly('see below'),
  'status.message': yes,
  'status.nodeAllocatableResourceClaimStatuses': noClaims,
  'status.nominatedNodeName': yes,
  'status.observedGeneration': yes,
  'status.phase': yes,
  'status.podIP': yes,
  'status.podIPs': yes,
  'status.qosClass': yes,
  'status.reason': yes,
  'status.resize': no('withdrawn from Kubernetes; the conditions say it'),
  'status.resourceClaimStatuses': noClaims,
  'status.resources': podResources,
  'status.startTime': yes,
  'status.containerStatuses[].allocatedResources': yes,
  'status.containerStatuses[].allocatedResourcesStatus': noClaims,
  'status.containerStatuses[].containerID': yes,
  'status.containerStatuses[].image': yes,
  'status.containerStatuses[].imageID': yes,
  'status.containerStatuses[].lastState': yes,
  'status.containerStatuses[].name': yes,
  'status.containerStatuses[].ready': yes,
  'status.containerStatuses[].resources': partly('CPU and memory'),
  'status.containerStatuses[].restartCount': yes,
  'status.containerStatuses[].started': yes,
  'status.containerStatuses[].state': yes,
  'status.containerStatuses[].stopSignal': partly('the image’s only by a runtime that tells it'),
  'status.containerStatuses[].user': yes,
  'status.containerStatuses[].volumeMounts': yes,
};
