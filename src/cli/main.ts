#!/usr/bin/env node
import { basename } from 'node:path';
import { runProgram } from './program.ts';

const [, script = 'towlinectl', ...argv] = process.argv;
const io = { stdout: process.stdout, stderr: process.stderr, nowMs: Date.now };
process.exitCode = await runProgram(argv, basename(script), io);
