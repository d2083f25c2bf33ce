import { printable } from './words.ts';

const MOST_CHARACTERS = 300;

/**
 * A value as code that nothing in it can end: no markup, HTML, link, mention or table border comes of it.
 * A very long one is cut.
 */
export function code(text: string): string {
  const whole = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
  const safe = printable(whole);
  // In a table, a backslash before a border would let the border through; entities have no such corner.
  return /[`|]|^ | $|^$/.test(safe) ? `<code>${asEntities(safe)}</code>` : `\`${safe}\``;
}

/**
 * Running text: plain words stay as they are, and whatever else is in it (URLs, names, flags, signs) becomes
 * code, so that a value quoted in a message can do no more than one shown by itself.
 */
export function prose(text: string): string {
  const parts: string[] = [];
  let pending: string[] = [];
  const flush = (mark: string): void => {
    if (pending.length > 0) parts.push(`${code(pending.join(' '))}${mark}`);
    pending = [];
  };
  for (const word of text.trim().split(/ +/)) {
    if (isPlainWord(word)) {
      flush('');
      parts.push(word);
      continue;
    }
    const core = word.replace(/[.,;:?!)]+$/, '') || word;
    pending.push(core);
    if (core !== word) flush(word.slice(core.length));
  }
  flush('');
  return parts.join(' ');
}

/** Letters, digits, and the marks of a sentence; nothing that a forge would turn into a link by itself. */
function isPlainWord(word: string): boolean {
  return (
    /^(?:\(?[A-Za-z0-9]+(?:['-][A-Za-z0-9]+)*%?[.,;:?!)]*|[—→·…])$/.test(word) &&
    !/^\(?GH-\d/i.test(word) &&
    !/[0-9a-f]{7}/i.test(word)
  );
}

function asEntities(text: string): string {
  return text.replace(/[^A-Za-z0-9 ]/gu, (character) => `&#${Number(character.codePointAt(0))};`);
}
