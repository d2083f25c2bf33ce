import type { Plain } from '../record-fields.ts';
import { objectAt } from './plain.ts';

/** An answer other than 2xx that came in full; `body` is undefined where it is not a JSON object. */
export interface ServerAnswer {
  readonly status: number;
  readonly body: Plain | undefined;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** Where a 3xx leads: to this very request, to another place of this origin, or away. */
  readonly redirect:
    | { readonly kind: 'itself' | 'foreign' }
    | { readonly kind: 'elsewhere-here'; readonly url: string }
    | undefined;
}

/** 412: this node lags behind; 472 to 474 and 530: not the node to ask now; 501: has not joined its cluster yet. */
const PASSING_STATUSES: readonly number[] = [
  ...[307, 308, 408, 412, 429, 472, 473, 474],
  ...[500, 501, 502, 503, 504, 530],
];

/** Whether the same request may succeed in a moment. A sealed server waits for a person: not in a moment. */
export function isPassingAnswer(answer: ServerAnswer): boolean {
  return (PASSING_STATUSES.includes(answer.status) && !isSealed(answer)) || isUpgrading(answer);
}

function isSealed({ status, errors }: ServerAnswer): boolean {
  return status === 503 && errors.some((error) => /\bsealed\b/i.test(error));
}

/** A conditional write found another version. The server says so with 400, never 412. */
export function isCasMismatch({ status, errors }: ServerAnswer): boolean {
  return status === 400 && errors.some((error) => /check-and-set parameter did not match/i.test(error));
}

/**
 * What a 404 means. Only `absent` and `no-data` are about the secret: the first has an empty `errors`, the second
 * is a current version that was deleted or destroyed and has no `errors` at all.
 */
export function meaningOf404(
  answer: ServerAnswer,
): 'absent' | 'no-data' | 'no-mount' | 'wrong-engine' | 'unclear' {
  const { body, errors, warnings } = answer;
  if (answer.status !== 404 || body === undefined) return 'unclear';
  if ('errors' in body) {
    if (errors.length === 0 && Array.isArray(body['errors']) && body['errors'].length === 0) return 'absent';
    return errors.some((error) => /no handler for route/i.test(error)) ? 'no-mount' : 'unclear';
  }
  if ('version' in objectAt(objectAt(body, 'data'), 'metadata')) return 'no-data';
  if (warnings.some((warning) => /versioned K\/V/i.test(warning))) return 'wrong-engine';
  // Listing an empty folder: an envelope without data on some versions.
  return 'unclear';
}

/** What the reader can do about an answer; our own words. */
export function hintOf(answer: ServerAnswer): string | undefined {
  if (isSealed(answer)) return 'the server is sealed; unseal it, and this goes on by itself';
  if (answer.redirect !== undefined) {
    return 'secrets.vault.address should name the load balancer or the active node; a redirect to another origin is never given the token';
  }
  if (answer.status === 429)
    return 'a quota of the server is used up; raise it, or lower secrets.vault.concurrency';
  if (answer.status === 404) return hintOf404(answer);
  return undefined;
}

function hintOf404(answer: ServerAnswer): string | undefined {
  switch (meaningOf404(answer)) {
    case 'no-mount':
      return 'nothing is mounted there: see secrets.vault.mount and secrets.vault.namespace';
    case 'wrong-engine':
      return 'secrets.vault.mount names a part of a mount, or another engine';
    case 'absent':
    case 'no-data':
    case 'unclear':
      return undefined;
  }
}

/** Right after a mount is made version 2. */
function isUpgrading({ status, errors }: ServerAnswer): boolean {
  return status === 400 && errors.some((error) => /Upgrading from non-versioned to versioned/i.test(error));
}
