import { ConfigError } from '../../domain/errors.ts';
import { requireName } from '../entry-name.ts';
import type { VaultSettings } from '../../domain/settings.ts';

/** Where things are below `/v1/`, every segment encoded. */
export interface VaultPaths {
  /** For messages: `secret`. */
  readonly mount: string;
  readonly config: string;
  /** What tells the engine's version. */
  readonly mountInfo: string;
  /** The folder of all records, to list. */
  readonly folder: string;
  data(name: string): string;
  metadata(name: string): string;
  destroy(name: string): string;
  /** How a person finds a record: `vault:secret/linq/orders`. */
  locate(name: string): string;
}

/** Refuses a mount or path that a server would take for another one than it says, with `ConfigError`. */
export function createPaths(options: Pick<VaultSettings, 'mount' | 'path'>): VaultPaths {
  const mount = encodePath(options.mount, 'secrets.vault.mount');
  const path = encodePath(options.path, 'secrets.vault.path');
  function below(area: string, name: string): string {
    requireName(name);
    return `${mount}/${area}/${path}/${encodeURIComponent(name)}`;
  }
  return {
    mount: options.mount,
    config: `${mount}/config`,
    mountInfo: `sys/internal/ui/mounts/${mount}`,
    folder: `${mount}/metadata/${path}`,
    data: (name) => below('data', name),
    metadata: (name) => below('metadata', name),
    destroy: (name) => below('destroy', name),
    locate(name) {
      requireName(name);
      return `vault:${options.mount}/${options.path}/${name}`;
    },
  };
}

/**
 * Segments between slashes, each encoded. A server cleans `..` away and answers a trailing dot with 404, so
 * such a path could be another one than it says; those are refused, and so are controls and empty segments.
 */
export function encodePath(path: string, setting: string): string {
  const segments = path.split('/');
  if (
    segments.some((segment) => !/^[^\p{Cc}\p{Cf}\p{Cs}\s?#%*+]+$/u.test(segment) || segment.endsWith('.'))
  ) {
    throw new ConfigError(
      `cannot use ${setting} ${JSON.stringify(path)}: it is not a path in Vault`,
      [],
      'write segments with single slashes between them, none at either end, and none that ends with a dot',
    );
  }
  return segments.map(encodeURIComponent).join('/');
}
