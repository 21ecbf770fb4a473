/**
 * The mount points of a `/proc/<pid>/mountinfo`, in its order.
 * Source: proc_pid_mountinfo(5); spaces, tabs, newlines and backslashes are in octal.
 */
export function parseMountPoints(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.split(' ')[4])
    .filter((point) => point !== undefined)
    .map((point) =>
      point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    );
}

/** Whether `path` is `directory` or lies under it; both without symbolic links. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}
