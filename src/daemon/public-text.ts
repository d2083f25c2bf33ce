import { SECRET_SHAPE } from '../domain/secret.ts';

/** Control characters, and those that hide text or change its direction. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * A message on one line, fit for whoever can reach the endpoints. Messages hold no secret in the first place;
 * what looks like one all the same is covered.
 */
export function publicText(message: string): string {
  return message.replace(/\s+/g, ' ').replace(UNPRINTABLE, '').replace(SECRET_SHAPE, '[secret]').trim();
}
