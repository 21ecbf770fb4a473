/** Largest file of the static pod folder, in bytes. */
export const maxManifestBytes = 1024 * 1024;

/** Most static pods of a device. */
export const maxStaticPods = 110;

/** How often the folder is read although nothing was heard of a change (kubelet's `fileCheckFrequency`). */
export const folderCheckIntervalMs = 20_000;
