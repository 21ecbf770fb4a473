import { LabError } from './lab-error.ts';

/**
 * The program that holds a pod's namespaces: it blocks SIGINT, SIGTERM and SIGCHLD, waits for one of
 * them, reaps children on SIGCHLD and ends on the others. So small that it is given as machine code,
 * which spares a lab the need of a compiler:
 *
 *     rt_sigprocmask(SIG_BLOCK, &set, 0, 8)
 *     wait:  n = rt_sigtimedwait(&set, 0, 0, 8)
 *            if (n < 0) goto wait
 *            if (n != SIGCHLD) exit_group(0)
 *     reap:  if (wait4(-1, 0, WNOHANG, 0) > 0) goto reap
 *            goto wait
 *     set:   .quad 1 << (SIGINT-1) | 1 << (SIGTERM-1) | 1 << (SIGCHLD-1)
 */
const machineCode: Readonly<
  Record<string, { readonly elfMachine: number; readonly code: string }>
> = {
  x64: {
    elfMachine: 62,
    code:
      'b80e00000031ff488d355200000031d241ba080000000f05b880000000488d3d3c00000031f631d241ba08000000' +
      '0f0583f811751eb83d00000048c7c7ffffffff31f6ba010000004531d20f0585c07fe4ebc585c078c1b8e7000000' +
      '31ff0f050240010000000000',
  },
  arm64: {
    elfMachine: 183,
    code:
      'e81080d2000080d241030010020080d2030180d2010000d4281180d2a0020010010080d2020080d2030180d2' +
      '010000d41f44007141010054882080d200008092010080d2220080d2030080d2010000d41f0000712cffff54' +
      'f0ffff17e0fdff37c80b80d2000080d2010000d41f2003d50240010000000000',
  },
};

const headerBytes = 64;
const programHeaderBytes = 56;
const loadAddress = 0x400000;

/**
 * The pause program as a static ELF executable for an architecture in Node's words (`process.arch`).
 *
 * @throws LabError `not-found` for one that it wasn't assembled for.
 */
export function pauseProgram(architecture: string): Uint8Array {
  const found = machineCode[architecture];
  if (found === undefined) {
    throw new LabError('not-found', `the lab has no pause program for ${architecture}`);
  }
  const code = Buffer.from(found.code, 'hex');
  const size = headerBytes + programHeaderBytes + code.length;
  return Buffer.concat([elfHeader(found.elfMachine), programHeader(size), code]);
}

/** ELF-64 header (System V ABI, chapter 4): one program header follows, no sections. */
function elfHeader(machine: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(loadAddress + headerBytes + programHeaderBytes), 24);
  header.writeBigUInt64LE(BigInt(headerBytes), 32);
  header.writeUInt16LE(headerBytes, 52);
  header.writeUInt16LE(programHeaderBytes, 54);
  header.writeUInt16LE(1, 56);
  return header;
}

/** The whole file is loaded as one segment that can be read and executed. */
function programHeader(size: number): Buffer {
  const header = Buffer.alloc(programHeaderBytes);
  header.writeUInt32LE(1, 0);
  header.writeUInt32LE(5, 4);
  header.writeBigUInt64LE(BigInt(loadAddress), 16);
  header.writeBigUInt64LE(BigInt(loadAddress), 24);
  header.writeBigUInt64LE(BigInt(size), 32);
  header.writeBigUInt64LE(BigInt(size), 40);
  header.writeBigUInt64LE(0x1000n, 48);
  return header;
}
