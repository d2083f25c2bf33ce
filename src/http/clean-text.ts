import { SECRET_SHAPE, type Secret } from '../domain/secret.ts';

const LONGEST_TEXT = 200;

/**
 * Text that came from outside, fit for a one-line message: no control, format or surrogate characters, no
 * `secrets`, nothing that looks like a signing secret, a token of Vault or a bearer token, at most 200 characters.
 */
export function cleanText(text: string, secrets: readonly Secret[] = []): string {
  let clean = text
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '')
    .trim();
  // Before the cut: half a secret is no longer recognised.
  for (const secret of secrets) clean = clean.replaceAll(secret.reveal(), '[secret]');
  clean = clean.replace(SECRET_SHAPE, '[secret]').replace(/\b(bearer|basic) [^\s"',;]{12,}/gi, '$1 [secret]');
  // By code points, so that the cut leaves no half character.
  const characters = Array.from(clean);
  return characters.length <= LONGEST_TEXT ? clean : `${characters.slice(0, LONGEST_TEXT - 1).join('')}…`;
}
