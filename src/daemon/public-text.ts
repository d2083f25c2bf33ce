/** Control characters, and those that hide text or change its direction. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** A signing secret of Linq, or a token of Vault or OpenBao. */
const SECRET = /whsec_[\w+/=-]*|\bhv[sbr]\.[\w-]{8,}/gi;

/**
 * A message on one line, fit for whoever can reach the endpoints. Messages hold no secret in the first place;
 * what looks like one all the same is covered.
 */
export function publicText(message: string): string {
  return message.replace(/\s+/g, ' ').replace(UNPRINTABLE, '').replace(SECRET, '[secret]').trim();
}
