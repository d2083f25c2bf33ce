import { describe, expect, it } from 'vitest';
import { ConfigError, SinkError } from '../../../../src/domain/errors.ts';
import { createPaths } from '../../../../src/secrets/vault/vault-paths.ts';

describe('paths in Vault', () => {
  it('put the area between mount and path', () => {
    const paths = createPaths({ mount: 'teams/kv', path: 'linq/eu' });
    expect(paths.data('orders')).toBe('teams/kv/data/linq/eu/orders');
    expect(paths.metadata('_installation')).toBe('teams/kv/metadata/linq/eu/_installation');
    expect(paths.folder).toBe('teams/kv/metadata/linq/eu');
    expect(paths.locate('orders')).toBe('vault:teams/kv/linq/eu/orders');
  });

  it('are encoded', () => {
    expect(createPaths({ mount: 'kv', path: 'ü&=' }).data('a')).toBe('kv/data/%C3%BC%26%3D/a');
  });

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    'a.',
    'a b',
    'a\n',
    'a?b',
    'a#b',
    'a%2fb',
    'a*',
    '+',
  ])('refuse %j, which a server would take for another one', (text) => {
    expect(() => createPaths({ mount: text, path: 'linq' })).toThrow(ConfigError);
    expect(() => createPaths({ mount: 'secret', path: text })).toThrow(ConfigError);
  });

  it.each(['', '..', 'a/b', 'A', 'a.'])('refuse the name %j', (name) => {
    const paths = createPaths({ mount: 'secret', path: 'linq' });
    expect(() => paths.data(name)).toThrow(SinkError);
    expect(() => paths.locate(name)).toThrow(SinkError);
  });
});
