/** Largest file of the static pod folder, in bytes. */
export const maxManifestBytes = 1024 * 1024;

/** Arrays and objects within each other in such a file; a report with what it holds stays within `maxJsonDepth`. */
export const maxManifestDepth = 48;

/** Most static pods of a device. */
export const maxStaticPods = 110;

/** How often the folder is read although nothing was heard of a change (kubelet's `fileCheckFrequency`). */
export const folderCheckIntervalMs = 20_000;
