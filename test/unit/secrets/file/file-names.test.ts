import { describe, expect, it } from 'vitest';
import { SinkError } from '../../../../src/domain/errors.ts';
import { isEntryName, requireName } from '../../../../src/secrets/entry-name.ts';
import {
  claimFile,
  parseFileName,
  stagedFile,
  visibleFile,
} from '../../../../src/secrets/file/file-names.ts';

const VERSION = '0123456789abcdef0123456789abcdef';

describe('the names of the sink’s files', () => {
  it.each(['a', 'orders', 'a.b', 'a-b_c.d', '7', 'x'.repeat(63), 'a.json', 'a.claim'])('takes %s', (name) => {
    expect(isEntryName(name)).toBe(true);
    expect(parseFileName(visibleFile(name))).toEqual({ kind: 'visible', name });
    const staged = { kind: 'staged', name, version: VERSION, writer: '00ff-12-34' };
    expect(parseFileName(stagedFile(name, VERSION, '00ff-12-34'))).toEqual(staged);
    for (const version of [VERSION, 'absent', 'damaged-0123456789abcdef']) {
      expect(parseFileName(claimFile(name, version))).toEqual({ kind: 'claim', name, version });
    }
  });

  it.each([
    '',
    '.',
    '..',
    '../x',
    'a/b',
    'A',
    'a\0',
    'a\n',
    '-a',
    'a-',
    '.a',
    'a.',
    'x'.repeat(64),
    '_other',
  ])('refuses %j', (name) => {
    expect(() => requireName(name)).toThrow(SinkError);
    expect(parseFileName(visibleFile(name))).toBeUndefined();
  });

  it('takes the installation’s name, which is no entry’s', () => {
    expect(() => requireName('_installation')).not.toThrow();
    expect(parseFileName('_installation.json')).toEqual({ kind: 'visible', name: '_installation' });
    expect(isEntryName('_installation')).toBe(false);
  });

  it.each([
    ...['README', 'notes.txt', '.gitignore', '.orders.new', '.orders.xyz.claim', 'Orders.json'],
    // Nearly ours: a sweep must not touch what somebody put aside.
    ...[`x.orders.${VERSION}.w.new`, `.orders.${VERSION}.w.new.bak`, `.orders.${VERSION}.new`],
    ...[`x.orders.${VERSION}.claim`, `.orders.${VERSION}.claim~`, `.orders.${VERSION}0.claim`],
  ])('does not know %s', (file) => {
    expect(parseFileName(file)).toBeUndefined();
  });
});
