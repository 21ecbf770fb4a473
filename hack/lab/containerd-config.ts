import { accessSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pauseImage } from './images.ts';
import { LabError } from './lab-error.ts';

/** Where a device's containerd keeps things; all in the device's folder. */
export interface ContainerdLayout {
  readonly dir: string;
  readonly socket: string;
  /** Survives a reboot. */
  readonly root: string;
  /** Doesn't. */
  readonly state: string;
  /** Where runc notes its containers; by default all containerds of a machine share one. */
  readonly runcRoot: string;
  readonly configFile: string;
  /** Holds `HOST/hosts.toml` for each registry with settings of its own. */
  readonly registryDir: string;
  readonly cniConfigDir: string;
}

/** sun_path of unix(7) with its final zero, less the suffix of containerd's second socket. */
const maxSocketPathBytes = 107 - '.ttrpc'.length;
/** capabilities(7): CAP_SYS_RESOURCE. */
const capSysResource = 24n;

/** Works out a device's containerd; makes nothing. */
export function planContainerd(dir: string): ContainerdLayout {
  const socket = join(dir, 'containerd.sock');
  if (Buffer.byteLength(socket) > maxSocketPathBytes) {
    throw new LabError(
      'bad-answer',
      `${socket} is too long for a socket: set TOWLINE_LAB_DIR to a shorter path`,
    );
  }
  return {
    dir,
    socket,
    root: join(dir, 'root'),
    state: join(dir, 'state'),
    runcRoot: join(dir, 'state', 'runc'),
    configFile: join(dir, 'containerd.toml'),
    registryDir: join(dir, 'registries'),
    cniConfigDir: join(dir, 'cni'),
  };
}

/** Writes the configuration of a device's containerd and of its pod network. */
export async function writeContainerdConfig(
  layout: ContainerdLayout,
  podRange: string,
  systemd = false,
): Promise<void> {
  await Promise.all(
    [layout.root, layout.state, layout.registryDir, layout.cniConfigDir].map((path) =>
      mkdir(path, { recursive: true }),
    ),
  );
  await writeFile(
    join(layout.cniConfigDir, '10-lab.conflist'),
    JSON.stringify(podNetwork(layout, podRange), null, 2),
  );
  await writeFile(layout.configFile, configText(layout, await mustRestrictOomScore(), systemd));
}

function configText(layout: ContainerdLayout, restrictOomScore: boolean, systemd: boolean): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = ${quote(layout.root)}
state = ${quote(layout.state)}
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = ${quote(layout.socket)}

[plugins."io.containerd.internal.v1.opt"]
  path = ${quote(join(layout.dir, 'opt'))}

[${cri}]
  sandbox_image = ${quote(pauseImage)}
  restrict_oom_score_adj = ${String(restrictOomScore)}
  netns_mounts_under_state_dir = true

[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[${cri}.containerd.runtimes.runc.options]
  Root = ${quote(layout.runcRoot)}
  SystemdCgroup = ${String(systemd)}

[${cri}.cni]
  bin_dir = ${quote(pluginDir())}
  conf_dir = ${quote(layout.cniConfigDir)}

[${cri}.registry]
  config_path = ${quote(layout.registryDir)}
`;
}

/** The bridge is in the device's own namespace, so its name and range may be those of any device. */
function podNetwork(layout: ContainerdLayout, podRange: string): object {
  return {
    cniVersion: '0.4.0',
    name: 'lab',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: podRange }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: join(layout.dir, 'addresses'),
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

function pluginDir(): string {
  const found = ['/usr/lib/cni', '/opt/cni/bin'].find((path) => {
    try {
      accessSync(join(path, 'bridge'));
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) {
    throw new LabError(
      'not-found',
      'there are no CNI plugins: install containernetworking-plugins',
    );
  }
  return found;
}

/** Only a process with CAP_SYS_RESOURCE may lower an OOM score, which CRI does for a pod's sandbox. */
async function mustRestrictOomScore(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(status)?.[1] ?? '0'}`);
  return (effective & (1n << capSysResource)) === 0n;
}

/** A basic string of TOML is one of JSON for the paths that we write. */
function quote(text: string): string {
  return JSON.stringify(text);
}
