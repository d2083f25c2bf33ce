/**
 * One run at a time: who calls while one is under way gets the next one, which begins after the call and is shared by
 * all who wait for it. What it fails with, each of them is told.
 */
export function coalesce(run: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> | null = null;
  let coming: Promise<void> | null = null;

  function begin(): Promise<void> {
    coming = null;
    const running = run().finally(() => {
      if (current === running) current = null;
    });
    current = running;
    return running;
  }

  return () => {
    if (current === null) return begin();
    coming ??= current.then(begin, begin);
    return coming;
  };
}
