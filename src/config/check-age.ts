import { parseAge } from './duration.ts';
import { kindOf, type Words } from './words.ts';

/** Secrets that are replaced more often than this would hardly ever be without a replacement under way. */
const SHORTEST = 86_400_000;

/** Words for an age of the right form that is too short or too long; undefined for a good one and another form. */
export function checkAge(text: string): Words | undefined {
  if (!/^[1-9][0-9]*[dh]$/.test(text)) return undefined;
  const age = parseAge(text);
  return age === undefined || age < SHORTEST ? explainAge(text) : undefined;
}

/** Words for what is not an age. */
export function explainAge(value: unknown): Words {
  const isNumber = typeof value === 'number' || (typeof value === 'string' && /^[1-9][0-9]*$/.test(value));
  return {
    message: `\`rotate_after\` must be an age such as \`90d\` or \`36h\`, at least \`1d\` and at most \`3650d\`, and is ${kindOf(value)}`,
    suggestion: isNumber ? `${String(value)}d` : undefined,
  };
}
