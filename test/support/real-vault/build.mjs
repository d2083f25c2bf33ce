/**
 * Builds the Vault server in ./server, which needs Go, and prints the path of the binary.
 *
 *   node test/support/real-vault/build.mjs
 *
 * Exits with 75 where there is no Go or where its modules cannot be had, with the reason in one line.
 */
import { buildServer } from './go-build.mjs';
import { fail } from './programs.mjs';

const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM']) {
  process.on(name, () => interruption.abort(new Error(`interrupted by ${name}`)));
}
try {
  process.stdout.write(`${await buildServer(interruption.signal)}\n`);
} catch (error) {
  fail(error);
}
