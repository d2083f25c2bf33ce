/** Runs operations, at most `width` at a time, in the order of the calls. */
export type Limit = <T>(operation: () => Promise<T>) => Promise<T>;

/** A limit shared by all that use it; an operation must not wait for another one under the same limit. */
export function createLimit(width: number): Limit {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (operation) => {
    // A place that is given up is handed to the next in line without `running` ever falling below the truth.
    if (running >= width) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await operation();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
