import { INSTALLATION_NAME } from '../../domain/record.ts';
import { isEntryName } from '../entry-name.ts';
import type { Version } from '../sink.ts';

const SUFFIX = '.json';

/** What a file of the folder is, by its name alone. */
export type ParsedFileName =
  | { readonly kind: 'visible'; readonly name: string }
  | { readonly kind: 'staged'; readonly name: string; readonly version: Version; readonly writer: string }
  | { readonly kind: 'claim'; readonly name: string; readonly version: Version };

/** The file that shows the current content of `name`. */
export function visibleFile(name: string): string {
  return `${name}${SUFFIX}`;
}

/** The file in which `writer` makes a version ready; it is moved at most once, and its name never comes again. */
export function stagedFile(name: string, version: Version, writer: string): string {
  return `.${name}.${version}.${writer}.new`;
}

/** The claim of the successor of `version`. */
export function claimFile(name: string, version: Version): string {
  return `.${name}.${version}.claim`;
}

/** The parts of a file's name, or undefined for a file that is not of this sink's making. */
export function parseFileName(file: string): ParsedFileName | undefined {
  const staged = /^\.(.+)\.([0-9a-f]{32})\.([a-z0-9-]+)\.new$/.exec(file);
  if (staged?.[1] !== undefined && staged[2] !== undefined && staged[3] !== undefined) {
    return { kind: 'staged', name: staged[1], version: staged[2], writer: staged[3] };
  }
  const claim = /^\.(.+)\.(absent|[0-9a-f]{32}|damaged-[0-9a-f]{16})\.claim$/.exec(file);
  if (claim?.[1] !== undefined && claim[2] !== undefined) {
    return { kind: 'claim', name: claim[1], version: claim[2] };
  }
  const name = file.endsWith(SUFFIX) ? file.slice(0, -SUFFIX.length) : '';
  return isEntryName(name) || name === INSTALLATION_NAME ? { kind: 'visible', name } : undefined;
}
