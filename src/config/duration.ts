const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Timers of Node hold 2^31 ms at most; a longer one would fire at once. */
const LONGEST = 24 * 86_400_000;

/** An age is never waited for in one piece. */
const OLDEST = 3_650 * 86_400_000;

/** `500ms`, `30s`, `5m`, `2h`, `1d` in milliseconds; undefined for anything else, for nothing, and beyond 24 days. */
export function parseDuration(text: string): number | undefined {
  return parseUpTo(LONGEST, text);
}

/** The same, and `0s` for none at all. */
export function parseDurationOrNone(text: string): number | undefined {
  return text === '0s' ? 0 : parseDuration(text);
}

/** The same for an age, such as `90d`; at most ten years. */
export function parseAge(text: string): number | undefined {
  return parseUpTo(OLDEST, text);
}

function parseUpTo(longest: number, text: string): number | undefined {
  const [, count, unit] = /^([1-9][0-9]{0,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  const duration = Number(count) * (MILLISECONDS[unit ?? ''] ?? Number.NaN);
  return duration <= longest ? duration : undefined;
}
