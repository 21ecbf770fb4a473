import { firstText, listNames, type HostRoot } from './host-files.ts';

export interface HugePages {
  readonly pageSizeBytes: number;
  readonly totalBytes: number;
}

const folder = '/sys/kernel/mm/hugepages';

/** The huge pages set aside on this machine, by page size; sizes with none included. */
export async function readHugePages(root: HostRoot): Promise<HugePages[]> {
  const pages: HugePages[] = [];
  for (const name of await listNames(root, folder)) {
    const [, kilobytes] = /^hugepages-(\d+)kB$/.exec(name) ?? [];
    if (kilobytes === undefined) continue;
    const pageSizeBytes = Number(kilobytes) * 1024;
    const count = Number(await firstText(root, [`${folder}/${name}/nr_hugepages`]));
    pages.push({ pageSizeBytes, totalBytes: pageSizeBytes * count });
  }
  return pages.sort((a, b) => a.pageSizeBytes - b.pageSizeBytes);
}
