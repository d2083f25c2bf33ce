import type { VaultSettings } from '../../domain/settings.ts';

/** What a policy must grant, one entry for each line of it. */
export interface Grant {
  /** As a policy writes it. */
  readonly path: string;
  /** A path that the line covers, to ask the server about. */
  readonly sample: string;
  readonly capabilities: readonly string[];
}

/**
 * Everything that the sink needs, and no more (docs/vault.md has it as a policy). Nothing is ever deleted:
 * a removal is a write and the destruction of older versions.
 */
export function requiredGrants({ mount, path }: Pick<VaultSettings, 'mount' | 'path'>): readonly Grant[] {
  const below = (area: string, capabilities: readonly string[]): Grant => ({
    path: `${mount}/${area}/${path}/*`,
    sample: `${mount}/${area}/${path}/_installation`,
    capabilities,
  });
  return [
    below('data', ['create', 'read', 'update']),
    below('metadata', ['list', 'patch', 'read', 'update']),
    below('destroy', ['update']),
    { path: `${mount}/config`, sample: `${mount}/config`, capabilities: ['read'] },
  ];
}

/** A grant as a line of a policy. */
export function policyLine({ path, capabilities }: Pick<Grant, 'path' | 'capabilities'>): string {
  return `path "${path}" { capabilities = [${capabilities.map((one) => `"${one}"`).join(', ')}] }`;
}

/** The grants of which the token has not every capability, given what it has on each sample. */
export function missingGrants(
  grants: readonly Grant[],
  capabilitiesOf: (sample: string) => readonly string[],
): readonly Grant[] {
  return grants.filter(({ sample, capabilities }) => {
    const held = capabilitiesOf(sample);
    return !held.includes('root') && capabilities.some((one) => !held.includes(one));
  });
}
