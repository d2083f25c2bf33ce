import { createHash } from 'node:crypto';

/** SHA-256 of the bytes of a file, hexadecimal. */
export function contentHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
