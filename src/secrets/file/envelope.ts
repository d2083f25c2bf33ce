import { createHash } from 'node:crypto';
import type { Plain } from '../record-fields.ts';
import type { Version } from '../sink.ts';

/** How many earlier versions a file remembers: by these a writer that was overtaken learns what became of its own. */
const MEMORY = 8;
const UTF8 = new TextDecoder('utf-8', { fatal: true });
/** Files above this many bytes are not read to the end. */
export const MAX_BYTES = 1024 * 1024;

/**
 * One version of a file. `body` is what the file holds beside the fields that belong to the protocol;
 * absent where no version could be read, and then the version stands for the bytes themselves.
 */
export interface Content {
  readonly version: Version;
  /** Who wrote it (see writer-mark.ts); empty where it cannot be read. */
  readonly writer: string;
  /** The versions before it, newest first, at most `MEMORY`. */
  readonly follows: readonly Version[];
  readonly body?: Plain;
  /** Why there is no body; holds no content. */
  readonly damage?: string;
  readonly bytes: Buffer;
}

/** A body as the bytes of its file: the version first, then what the protocol needs, then the body. */
export function formatContent(
  envelope: { readonly version: Version; readonly writer: string; readonly follows: readonly Version[] },
  body: Plain,
): Content {
  const { version, writer } = envelope;
  const follows = envelope.follows.slice(0, MEMORY);
  const text = `${JSON.stringify({ version, writer, follows, ...body }, null, 2)}\n`;
  return { version, writer, follows, body, bytes: Buffer.from(text) };
}

/**
 * Reads a file's bytes; `size` is the file's whole size. The version depends on these few fields only, never
 * on the record's rules: two programs that judge a record differently must still agree on its version.
 */
export function parseContent(bytes: Buffer, size: number): Content {
  if (size > MAX_BYTES) return damagedContent(bytes, size, 'is larger than 1 MiB');
  let data: unknown;
  try {
    data = JSON.parse(UTF8.decode(bytes));
  } catch (error) {
    // TextDecoder throws TypeError for bytes that are not UTF-8. Neither cause is kept: it quotes content.
    if (error instanceof SyntaxError || error instanceof TypeError) {
      return damagedContent(bytes, size, 'is not valid JSON');
    }
    throw error;
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    return damagedContent(bytes, size, 'is not a JSON object');
  }
  const { version, writer, follows, ...body } = data as Record<string, unknown>;
  if (typeof version !== 'string' || !/^[0-9a-f]{32}$/.test(version)) {
    return damagedContent(bytes, size, 'has no version');
  }
  return {
    version,
    writer: typeof writer === 'string' && /^[a-z0-9-]+$/.test(writer) ? writer : '',
    follows: Array.isArray(follows) ? follows.filter((item) => typeof item === 'string') : [],
    body,
    bytes,
  };
}

function damagedContent(bytes: Buffer, size: number, damage: string): Content {
  const hash = createHash('sha256').update(bytes);
  if (size > MAX_BYTES) hash.update(`size ${size}`);
  return { version: `damaged-${hash.digest('hex').slice(0, 16)}`, writer: '', follows: [], damage, bytes };
}
