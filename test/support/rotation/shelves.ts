import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../../src/secrets/system-error.ts';
import type { FakeVault } from '../fake-vault/fake-vault.ts';

/** What a receiver of an entry can see at this moment: the secrets to accept, current, next and previous. */
export type Shelf = (name: string) => readonly string[];

const KEYS = ['signing_secret', 'next_signing_secret', 'previous_signing_secret'] as const;

/** The files of an export's folder, all of one moment. */
export function exportShelf(directory: string): Shelf {
  return function read(name): readonly string[] {
    const data = unlessAbsent(() => readlinkSync(join(directory, '..data')));
    if (data === undefined) return [];
    const secrets = KEYS.flatMap(
      (key) => unlessAbsent(() => readFileSync(join(directory, data, name, key), 'utf8')) ?? [],
    );
    // The folder may have been swapped, and cleared away, in between.
    return unlessAbsent(() => readlinkSync(join(directory, '..data'))) === data ? secrets : read(name);
  };
}

/** The keys of the current version, as an agent of Vault's shows them. */
export function vaultShelf(vault: FakeVault): Shelf {
  return (name) => {
    const secret = vault.kv.secrets.get(`linq/${name}`);
    const data = secret?.versions.get(secret.current)?.data as Readonly<Record<string, string>> | undefined;
    return KEYS.flatMap((key) => data?.[key] ?? []);
  };
}

function unlessAbsent<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
