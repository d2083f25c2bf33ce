#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { run } from './run.ts';
import { standardOutput } from './standard-output.ts';

const signals = ['SIGINT', 'SIGTERM'] as const;

// Without a listener Node opens its debugger on this signal, through which every process of this machine, and every
// container of this pod, could read the secrets in memory.
process.on('SIGUSR1', () => undefined);

// What takes long to load or to find out is left to who asks for it.
void run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  get main() {
    return fileURLToPath(import.meta.url);
  },
  stdout: standardOutput(1, () => process.stdout),
  get stderr() {
    return process.stderr;
  },
  onSignal(listener) {
    for (const signal of signals) process.on(signal, listener);
    return () => {
      for (const signal of signals) process.off(signal, listener);
    };
  },
  onHangup(listener) {
    process.on('SIGHUP', listener);
    return () => process.off('SIGHUP', listener);
  },
  exitNow: (code) => process.exit(code),
}).then((code) => {
  process.exitCode = code;
});
