import { describe, expect, it } from 'vitest';
import { missingGrants, policyLine, requiredGrants } from '../../../../src/secrets/vault/policy.ts';

const grants = requiredGrants({ mount: 'secret', path: 'linq' });

describe('the policy', () => {
  it('never asks for delete or sudo', () => {
    expect(grants.flatMap(({ capabilities }) => capabilities)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/delete|sudo/)]),
    );
  });

  it('lacks nothing where every capability is held, or the token is root', () => {
    expect(missingGrants(grants, () => ['root'])).toEqual([]);
    expect(missingGrants(grants, () => ['create', 'list', 'patch', 'read', 'update', 'delete'])).toEqual([]);
  });

  it('lacks a line of which one capability is missing', () => {
    const missing = missingGrants(grants, (sample) =>
      sample.includes('/data/') ? ['create', 'update'] : ['list', 'patch', 'read', 'update'],
    );
    expect(missing.map(policyLine)).toEqual([
      'path "secret/data/linq/*" { capabilities = ["create", "read", "update"] }',
    ]);
  });

  it('lacks everything where all is denied', () => {
    expect(missingGrants(grants, () => ['deny'])).toEqual(grants);
    expect(missingGrants(grants, () => [])).toEqual(grants);
  });
});
