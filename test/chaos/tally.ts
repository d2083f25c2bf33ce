/** What was done so far, by name. */
export interface Tally {
  readonly count: (what: string, by?: number) => void;
  of(what: string): number;
  /** Names that begin with `group: `, without it, sorted. */
  group(group: string): readonly (readonly [name: string, count: number])[];
}

export function makeTally(): Tally {
  const counts = new Map<string, number>();
  return {
    count: (what, by = 1) => void counts.set(what, (counts.get(what) ?? 0) + by),
    of: (what) => counts.get(what) ?? 0,
    group: (group) =>
      [...counts]
        .filter(([name]) => name.startsWith(`${group}: `))
        .map(([name, count]) => [name.slice(group.length + 2), count] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}
