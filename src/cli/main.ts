#!/usr/bin/env node
import { basename } from 'node:path';
import { runProgram } from './program.ts';

const [, script = 'towlinectl', ...argv] = process.argv;
const io = { stdout: process.stdout, stderr: process.stderr, nowMs: Date.now };
// Not by exitCode: a lookup of a name that was given up can't be ended, and would hold the process.
process.exit(await runProgram(argv, basename(script), io));
