import { randomBytes } from 'node:crypto';

/** The link that is swapped; everything else is read through it. */
export const DATA_LINK = '..data';

/** A file of the export's folder, by its name alone. */
export type ParsedExportName =
  | { readonly kind: 'data' | 'ignore' }
  /** A folder with all files, complete or in the making; or a link on its way to its name. */
  | { readonly kind: 'generation' | 'temporary'; readonly maker: string }
  | { readonly kind: 'other' };

const GENERATION = /^\.\.\d{4}(?:_\d\d){5}\.([0-9a-z-]+)\.[0-9a-f]{16}$/;
const TEMPORARY = /^\.\.tmp\.([0-9a-z-]+)\.[0-9a-f]{16}$/;

/** A name that was never used before, for all files at once; as Kubernetes names them, with the process that makes it. */
export function generationName(maker: string, now: Date): string {
  const stamp = now.toISOString().slice(0, 19).replace(/[-T:]/g, '_');
  return `..${stamp}.${maker}.${randomBytes(8).toString('hex')}`;
}

/** The same for a link that is about to be renamed to its place. */
export function temporaryName(maker: string): string {
  return `..tmp.${maker}.${randomBytes(8).toString('hex')}`;
}

export function parseExportName(name: string): ParsedExportName {
  if (name === DATA_LINK) return { kind: 'data' };
  if (name === '.gitignore') return { kind: 'ignore' };
  const generation = GENERATION.exec(name)?.[1];
  if (generation !== undefined) return { kind: 'generation', maker: generation };
  const temporary = TEMPORARY.exec(name)?.[1];
  if (temporary !== undefined) return { kind: 'temporary', maker: temporary };
  return { kind: 'other' };
}

/** What the visible link of an entry points to. */
export function visibleTarget(name: string): string {
  return `${DATA_LINK}/${name}`;
}
