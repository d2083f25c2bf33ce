import { UsageError } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import { FIRM_GUARDS, GUARDS, PLAN_GUARDS, type Allowance, type Guard } from '../domain/plan.ts';
import { quote } from './quote.ts';
import type { Words } from './words.ts';

const NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;

/** Why a firm guard cannot be let through, and what helps instead. */
const FIRM_REASONS: Partial<Record<Guard, string>> = {
  paused: 'it goes on with `linq-gitops resume`, or when its time is over',
  'in-flight':
    'another process is at work on the entry; it goes on when that one is done or its deadline has passed',
  record: 'the record must be repaired or removed first',
  'bad-file': 'it goes on when the file is mended',
  fight: 'find out who else changes the field, or write the value into the file',
  ambiguous: 'several live subscriptions have the URL; delete all but one',
  'url-taken': 'nothing helps but freeing the URL',
  depends: 'it goes on by itself when what it depends on is done',
};

/**
 * Reads `GUARD` or `GUARD:NAME`, as `--allow` and `policy.allow` take it. Fails with `UsageError` for an
 * unknown guard (with the nearest one), one that nothing lets through, and a name that cannot be.
 */
export function parseAllowance(text: string): Allowance {
  const read = readAllowance(text);
  if ('guard' in read) return read;
  throw new UsageError(
    `cannot allow ${quote(text)}: ${read.message}`,
    read.suggestion === undefined ? {} : { hint: `did you mean \`${read.suggestion}\`?` },
  );
}

/** The allowance, or in words why there is none. */
export function readAllowance(text: string): Allowance | Words {
  const colon = text.indexOf(':');
  const word = colon === -1 ? text : text.slice(0, colon);
  const name = colon === -1 ? null : text.slice(colon + 1);
  const guard = GUARDS.find((known) => known === word);
  const open = GUARDS.filter((known) => !FIRM_GUARDS.includes(known));
  if (guard === undefined) {
    const near = nearest(word, open);
    const suggestion = near === undefined ? undefined : near + (name === null ? '' : `:${name}`);
    return { message: `there is no guard ${quote(word)}; there are ${open.join(', ')}`, suggestion };
  }
  if (FIRM_GUARDS.includes(guard)) {
    return {
      message: `the guard \`${guard}\` cannot be let through: ${FIRM_REASONS[guard] ?? 'it has no flag'}`,
    };
  }
  if (name !== null && PLAN_GUARDS.includes(guard)) {
    return { message: `the guard \`${guard}\` is over the whole plan and takes no name`, suggestion: guard };
  }
  if (name !== null && !NAME.test(name)) {
    return { message: `${quote(name)} cannot be the name of an entry` };
  }
  return { guard, name };
}
