import { join } from 'node:path';
import type { EtcdMember } from './etcd-snapshot.ts';

/** The files and addresses that the flags of the components name. */
export interface ControlPlaneLayout {
  readonly dir: string;
  readonly host: string;
  readonly ports: {
    readonly etcd: number;
    readonly etcdPeer: number;
    readonly apiserver: number;
    readonly controllerManager: number;
    readonly scheduler: number;
  };
  /** The minor number of the version: 20 for 1.20.2. */
  readonly minor: number;
  /** What checks the virtual nodes' serving certificates; left out, the apiserver accepts any. */
  readonly kubeletCertificateAuthority?: string;
}

/** Files that the certificates step writes and the flags name, relative to `pki` in the folder. */
export const pkiFiles = {
  clientAuthority: 'client-ca/ca.crt',
  clientAuthorityKey: 'client-ca/ca.key',
  servingAuthority: 'serving-ca/ca.crt',
  frontProxyAuthority: 'front-proxy-ca/ca.crt',
  serving: 'serving',
  kubeletClient: 'kubelet-client',
  frontProxyClient: 'front-proxy-client',
  tokenKey: 'token.key',
  tokenPublicKey: 'token.pub',
} as const;

const issuer = 'https://kubernetes.default.svc';

/** The one member of etcd: its data in the folder, plain HTTP on loopback. */
export function etcdMember({ dir, host, ports }: ControlPlaneLayout): EtcdMember {
  return {
    name: 'lab',
    dataDir: join(dir, 'etcd'),
    clientUrl: `http://${host}:${ports.etcd}`,
    peerUrl: `http://${host}:${ports.etcdPeer}`,
  };
}

/** The flags of etcd. */
export function etcdFlags(layout: ControlPlaneLayout, canSkipFsync: boolean): string[] {
  const { name, dataDir, clientUrl, peerUrl } = etcdMember(layout);
  return [
    `--name=${name}`,
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=${name}=${peerUrl}`,
    // The only member need not wait long before it elects itself.
    '--heartbeat-interval=20',
    '--election-timeout=100',
    // Nothing in a lab outlives the machine, and every write would wait for the disk.
    ...(canSkipFsync ? ['--unsafe-no-fsync'] : []),
  ];
}

/** The flags of kube-apiserver, as kubeadm sets them where that matters to a kubelet or its clients. */
export function apiserverFlags(layout: ControlPlaneLayout): string[] {
  const pki = (name: string): string => join(layout.dir, 'pki', name);
  return [
    `--etcd-servers=http://${layout.host}:${layout.ports.etcd}`,
    `--bind-address=${layout.host}`,
    `--advertise-address=${layout.host}`,
    `--secure-port=${layout.ports.apiserver}`,
    // No pod could reach a loopback address as the endpoint of the `kubernetes` service.
    '--endpoint-reconciler-type=none',
    '--service-cluster-ip-range=10.96.0.0/16',
    `--cert-dir=${pki('apiserver-generated')}`,
    `--tls-cert-file=${pki(pkiFiles.serving)}.crt`,
    `--tls-private-key-file=${pki(pkiFiles.serving)}.key`,
    `--client-ca-file=${pki(pkiFiles.clientAuthority)}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--service-account-issuer=${issuer}`,
    `--service-account-signing-key-file=${pki(pkiFiles.tokenKey)}`,
    `--service-account-key-file=${pki(pkiFiles.tokenPublicKey)}`,
    `--kubelet-client-certificate=${pki(pkiFiles.kubeletClient)}.crt`,
    `--kubelet-client-key=${pki(pkiFiles.kubeletClient)}.key`,
    '--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname',
    ...(layout.kubeletCertificateAuthority === undefined
      ? []
      : [`--kubelet-certificate-authority=${layout.kubeletCertificateAuthority}`]),
    `--requestheader-client-ca-file=${pki(pkiFiles.frontProxyAuthority)}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${pki(pkiFiles.frontProxyClient)}.crt`,
    `--proxy-client-key-file=${pki(pkiFiles.frontProxyClient)}.key`,
  ];
}

/** The flags of kube-controller-manager: all its usual controllers, no leader election. */
export function controllerManagerFlags(layout: ControlPlaneLayout, kubeconfig: string): string[] {
  const pki = (name: string): string => join(layout.dir, 'pki', name);
  return [
    ...clientFlags(layout, layout.ports.controllerManager, kubeconfig),
    '--use-service-account-credentials=true',
    // At the usual 20 requests per second the first service account takes four seconds longer.
    '--kube-api-qps=500',
    '--kube-api-burst=500',
    `--service-account-private-key-file=${pki(pkiFiles.tokenKey)}`,
    `--root-ca-file=${pki(pkiFiles.servingAuthority)}`,
    `--cluster-signing-cert-file=${pki(pkiFiles.clientAuthority)}`,
    `--cluster-signing-key-file=${pki(pkiFiles.clientAuthorityKey)}`,
    `--requestheader-client-ca-file=${pki(pkiFiles.frontProxyAuthority)}`,
  ];
}

/** The flags of kube-scheduler. */
export function schedulerFlags(layout: ControlPlaneLayout, kubeconfig: string): string[] {
  return clientFlags(layout, layout.ports.scheduler, kubeconfig);
}

function clientFlags(layout: ControlPlaneLayout, port: number, kubeconfig: string): string[] {
  const serving = join(layout.dir, 'pki', pkiFiles.serving);
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    `--bind-address=${layout.host}`,
    `--secure-port=${port}`,
    `--tls-cert-file=${serving}.crt`,
    `--tls-private-key-file=${serving}.key`,
    '--leader-elect=false',
    // Up to 1.22 there was a second, insecure port with a fixed default; 1.24 removed the flag.
    ...(layout.minor <= 22 ? ['--port=0'] : []),
  ];
}
