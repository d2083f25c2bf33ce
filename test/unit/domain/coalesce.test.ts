import { describe, expect, it } from 'vitest';
import { coalesce } from '../../../src/domain/coalesce.ts';

/** Work that ends when it is told to. */
function makeWork() {
  const ends: ((error?: Error) => void)[] = [];
  const run = (): Promise<void> =>
    new Promise((resolve, reject) => {
      ends.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  return { run: coalesce(run), ends };
}

describe('calls that share their work', () => {
  it('run at once where nothing is under way', async () => {
    const { run, ends } = makeWork();
    const first = run();
    ends[0]?.();
    await first;
    const second = run();
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await second;
  });

  it('share one run that begins after them, while another is under way', async () => {
    const { run, ends } = makeWork();
    const first = run();
    const [second, third] = [run(), run()];
    expect(ends).toHaveLength(1);
    ends[0]?.();
    await first;
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await Promise.all([second, third]);
    expect(ends).toHaveLength(2);
  });

  it('are told of their own failure only', async () => {
    const { run, ends } = makeWork();
    const first = run();
    const second = run();
    ends[0]?.(new Error('the disk is full'));
    await expect(first).rejects.toThrow('the disk is full');
    const third = run();
    ends[1]?.();
    await second;
    expect(ends).toHaveLength(3);
    ends[2]?.(new Error('again'));
    await expect(third).rejects.toThrow('again');
  });
});
