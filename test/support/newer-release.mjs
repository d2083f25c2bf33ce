/**
 * A future release, as far as records are concerned: it has schema 2, with a field that this release does not know.
 *
 *   node newer-release.mjs up NAME…      writes these records as schema 2
 *   node newer-release.mjs down NAME…    writes them as schema 1 again, as before a rollback
 *
 * It finds the sink by the same variables as the program, keeps every secret, and writes by the sinks' protocols.
 */
import { resolve } from 'node:path';
import { writeVersion } from '../../dist/secrets/file/atomic-file.js';
import { currentOf, readState, versionOf } from '../../dist/secrets/file/file-state.js';
import { ownMark } from '../../dist/secrets/file/writer-mark.js';

const [direction, ...names] = process.argv.slice(2);
const { env } = process;

function rewritten({ algorithms: _algorithms, ...record }) {
  return direction === 'up'
    ? { ...record, schema: 2, algorithms: ['sha256', 'sha512'] }
    : { ...record, schema: 1 };
}

async function rewriteFile(name) {
  const store = {
    directory: resolve(env.LINQ_GITOPS_SECRETS_FILE_DIRECTORY ?? 'secrets'),
    writer: ownMark(),
  };
  const current = currentOf(await readState(store, name));
  if (current?.body === undefined) throw new Error(`there is no record of ${name}`);
  await writeVersion(store, name, rewritten(current.body), versionOf(current));
}

async function rewriteSecret(name) {
  const url = `${env.VAULT_ADDR}/v1/secret/data/${env.LINQ_GITOPS_SECRETS_VAULT_PATH}/${name}`;
  const headers = { 'x-vault-token': env.VAULT_TOKEN, 'x-vault-request': 'true' };
  const { data } = await (await fetch(url, { headers })).json();
  const { record, key_version: _keyVersion, ...keys } = data.data;
  const map = {
    ...keys,
    ...(direction === 'up' && { key_version: '2' }),
    record: JSON.stringify(rewritten(JSON.parse(record))),
  };
  const body = JSON.stringify({ data: map, options: { cas: data.metadata.version } });
  const written = await fetch(url, { method: 'POST', headers, body });
  if (!written.ok) throw new Error(`cannot write ${name}: ${written.status}`);
}

for (const name of names) {
  await (env.LINQ_GITOPS_SECRETS_SINK === 'vault' ? rewriteSecret(name) : rewriteFile(name));
}
