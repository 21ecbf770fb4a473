import { rm } from 'node:fs/promises';
import { runChecked } from './command.ts';
import type { Requirement } from './packages.ts';

/** What taking and restoring a snapshot needs, besides what every lab does. */
export const snapshotRequirements: readonly Requirement[] = [
  { paths: ['etcdctl'], debianPackage: 'etcd-client' },
];

/** Where a member of etcd is, as its own flags say. */
export interface EtcdMember {
  readonly name: string;
  readonly dataDir: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

const env = { ...process.env, ETCDCTL_API: '3' };

/** Writes all that a running etcd holds to a file. @throws LabError `command-failed` */
export async function saveSnapshot(member: EtcdMember, file: string): Promise<void> {
  await runChecked('etcdctl', ['--endpoints', member.clientUrl, 'snapshot', 'save', file], { env });
}

/** Replaces the data of a stopped etcd by what a file holds. @throws LabError `command-failed` */
export async function restoreSnapshot(member: EtcdMember, file: string): Promise<void> {
  const { name, dataDir, peerUrl } = member;
  await rm(dataDir, { recursive: true, force: true });
  await runChecked(
    'etcdctl',
    [
      ...['snapshot', 'restore', file, '--name', name, '--data-dir', dataDir],
      ...['--initial-cluster', `${name}=${peerUrl}`, '--initial-advertise-peer-urls', peerUrl],
    ],
    { env },
  );
}
