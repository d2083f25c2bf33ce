#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { run } from './run.ts';

const signals = ['SIGINT', 'SIGTERM'] as const;

// A reader that has seen enough (`| head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// Without a listener Node opens its debugger on this signal, through which every process of this machine, and every
// container of this pod, could read the secrets in memory.
process.on('SIGUSR1', () => undefined);

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  main: fileURLToPath(import.meta.url),
  stdout: process.stdout,
  stderr: process.stderr,
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
});
