import { quote } from './quote.ts';

/** What is wrong, and what to write instead where that is known. */
export interface Words {
  readonly message: string;
  readonly suggestion?: string | undefined;
}

/** A value in words: its kind, and the value itself where it is short. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return value === '' ? 'an empty text' : `the text ${quote(value)}`;
  if (typeof value === 'number') return `the number ${value}`;
  return typeof value === 'boolean' ? String(value) : 'a map';
}

/** `a, b or c`. */
export function joinOr(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}

/** Words for something that is neither true nor false, such as `yes`. */
export function flagWords(name: string, value: unknown): Words {
  const word = typeof value === 'string' || typeof value === 'number' ? String(value).toLowerCase() : '';
  const meant = /^(yes|y|on|true|1)$/.test(word)
    ? 'true'
    : /^(no|n|off|false|0)$/.test(word)
      ? 'false'
      : undefined;
  const isQuoted = word === 'true' || word === 'false';
  const why = isQuoted
    ? '; leave the quotes out'
    : meant === undefined
      ? ''
      : '; YAML 1.2 knows no other words for yes and no';
  return {
    message: `\`${name}\` must be \`true\` or \`false\`, and is ${kindOf(value)}${why}`,
    suggestion: meant,
  };
}

/** A single word as the list that was meant. */
export function asList(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.:-]+$/.test(value) ? `[${value}]` : undefined;
}
