/**
 * Target URLs and the mark that unfinished subscriptions carry in theirs.
 * A mark is the query parameter `linq_gitops=<installation>.<unique>`: it says, on the one field of a
 * subscription that we choose, that the subscription is ours and not finished.
 */
const MARK_PARAMETER = 'linq_gitops';

/** Linq's own traffic (relay and welcome subscriptions): never touched, whatever the settings say. */
const ALWAYS_IGNORED = 'https://webhook.linqapp.com/**';

/** The WHATWG-normalised form, in which two URLs are compared; text that is no URL is compared as it is. */
export function normaliseUrl(url: string): string {
  return parseUrl(url)?.href ?? url;
}

/** `url`, which has no fragment, with the mark appended; the rest stays as declared, to the letter. */
export function markUrl(url: string, mark: string): string {
  const separator = !url.includes('?') ? '?' : /[?&]$/.test(url) ? '' : '&';
  return `${url}${separator}${MARK_PARAMETER}=${mark}`;
}

/** The mark in `url`, or undefined. */
export function markOf(url: string): string | undefined {
  // A URL is dear to parse, and nearly none has a mark. What is encoded, or broken up, could be one.
  if (!url.includes(MARK_PARAMETER) && !/[%\t\n\r]/.test(url)) return undefined;
  return parseUrl(url)?.searchParams.get(MARK_PARAMETER) ?? undefined;
}

/** By WHATWG; undefined for text that is no URL. */
export function parseUrl(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A mark of `installation`; `unique` must never have been used before. */
export function makeMark(installation: string, unique: string): string {
  return `${installation}.${unique}`;
}

/** Whether `url` carries a mark that `installation` made. */
export function hasMarkOf(url: string, installation: string): boolean {
  return markOf(url)?.startsWith(`${installation}.`) ?? false;
}

/**
 * Whether `url` fits one of `patterns`: `*` stands for any characters but `/`, `**` for any characters.
 * Matched on the normalised URL; the host `webhook.linqapp.com` always fits.
 */
export function isIgnored(url: string, patterns: readonly string[]): boolean {
  const normalised = normaliseUrl(url);
  return [ALWAYS_IGNORED, ...patterns].some((pattern) => fits(normalised, pattern));
}

/** Not by a regular expression: one with many stars takes longer than anybody waits. */
function fits(text: string, pattern: string): boolean {
  // Nearly every text differs from nearly every pattern before its first star.
  if (!text.startsWith(pattern.slice(0, Math.max(pattern.indexOf('*'), 0)))) return false;
  // Where the text may stand once the parts so far are used up.
  let ends = new Set([0]);
  for (const part of pattern.split(/(\*\*|\*)/)) {
    const isStar = part === '*' || part === '**';
    ends = isStar ? endsOfStar(text, ends, part === '**') : endsOfText(text, ends, part);
  }
  return ends.has(text.length);
}

function endsOfText(text: string, starts: ReadonlySet<number>, part: string): Set<number> {
  const found = [...starts].filter((start) => text.startsWith(part, start));
  return new Set(found.map((start) => start + part.length));
}

function endsOfStar(text: string, starts: ReadonlySet<number>, crossesSlashes: boolean): Set<number> {
  const ends = new Set<number>();
  let isWithin = false;
  for (let at = 0; at <= text.length; at += 1) {
    isWithin = starts.has(at) || (isWithin && (crossesSlashes || text[at - 1] !== '/'));
    if (isWithin) ends.add(at);
  }
  return ends;
}
