import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { isCertainlyGone, ownMark } from '../../../../src/secrets/file/writer-mark.ts';

describe.runIf(process.platform === 'linux')('the mark of a writer', () => {
  const [place = '', pid = '', started = ''] = ownMark().split('-');

  it('is made of place, process and start', () => {
    expect(place).toMatch(/^[0-9a-f]{16}$/);
    expect(pid).toBe(String(process.pid));
    expect(started).toMatch(/^[0-9]+$/);
    expect(ownMark()).toBe(`${place}-${pid}-${started}`);
  });

  it('does not declare a living process gone', () => {
    expect(isCertainlyGone(ownMark())).toBe(false);
  });

  it('declares a process gone that has ended', () => {
    const { pid: ended } = spawnSync(process.execPath, ['--version']);
    expect(isCertainlyGone(`${place}-${ended}-${started}`)).toBe(true);
  });

  it('declares a process gone whose number was given to another', () => {
    expect(isCertainlyGone(`${place}-${pid}-1`)).toBe(true);
  });

  it.each([
    { reason: 'another host, boot or namespace', mark: `${'0'.repeat(16)}-${pid}-1` },
    { reason: 'a system that tells nothing', mark: `unknown-${pid}` },
    { reason: 'no mark at all', mark: '' },
    { reason: 'a process number that is none', mark: `${place}-0-1` },
    { reason: 'more than a mark', mark: `x${place}-${pid}-1` },
    { reason: 'a mark and more', mark: `${place}-${pid}-1-1` },
  ])('proves nothing for $reason', ({ mark }) => {
    expect(isCertainlyGone(mark)).toBe(false);
  });
});
