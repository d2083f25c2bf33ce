import { expect, it } from 'vitest';
import { inParallel } from '../../../src/reconcile/in-parallel.ts';

it.each([
  { items: 7, width: 3, most: 3 },
  { items: 2, width: 3, most: 2 },
  { items: 0, width: 3, most: 0 },
])(
  'works on $most of $items at a time where $width may be, in their order',
  async ({ items, width, most }) => {
    let running = 0;
    let seen = 0;
    const numbers = Array.from({ length: items }, (_, index) => index);
    const results = await inParallel(numbers, width, async (item) => {
      seen = Math.max(seen, (running += 1));
      await Promise.resolve();
      running -= 1;
      return item * 2;
    });
    expect(seen).toBe(most);
    expect(results).toEqual(numbers.map((item) => item * 2));
  },
);
