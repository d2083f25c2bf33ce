import { describe, expect, it } from 'vitest';
import { textsAt } from '../../../../src/secrets/vault/plain.ts';
import {
  hintOf,
  isCasMismatch,
  isPassingAnswer,
  meaningOf404,
  type ServerAnswer,
} from '../../../../src/secrets/vault/server-answer.ts';

function answer(status: number, body: Record<string, unknown> | undefined): ServerAnswer {
  const texts = (key: string): readonly string[] => textsAt(body ?? {}, key);
  return { status, body, errors: texts('errors'), warnings: texts('warnings'), redirect: undefined };
}

describe('a 404', () => {
  it.each<[string, Record<string, unknown> | undefined]>([
    ['absent', { errors: [] }],
    ['no-data', { data: { data: null, metadata: { version: 3, destroyed: false } } }],
    ['no-mount', { errors: ['no handler for route "x/data/a". route entry not found.'] }],
    [
      'wrong-engine',
      { data: null, warnings: ['Invalid path for a versioned K/V secrets engine. See the docs'] },
    ],
    ['unclear', undefined],
    ['unclear', {}],
    ['unclear', { errors: 'none' }],
    ['unclear', { errors: '' }],
    ['unclear', { errors: null }],
    ['unclear', { errors: [404] }],
    ['unclear', { errors: ['something else'] }],
    ['unclear', { data: null }],
    ['unclear', { data: { metadata: {} } }],
  ])('means %s with %j', (meaning, body) => {
    expect(meaningOf404(answer(404, body))).toBe(meaning);
  });

  it('is the only status that can mean absent', () => {
    expect(meaningOf404(answer(403, { errors: [] }))).toBe('unclear');
  });
});

describe('an answer', () => {
  it.each([
    [503, 'Vault is sealed', false],
    [503, 'error performing token check: Vault is sealed', false],
    [503, 'overloaded', true],
    [500, 'Vault is sealed', true],
    [400, 'Upgrading from non-versioned to versioned data.', true],
    [403, 'Upgrading from non-versioned to versioned data.', false],
    [400, 'check-and-set parameter did not match the current version', false],
    [403, 'permission denied', false],
    [412, 'required index state not present', true],
  ])('of %i with %j can pass: %s', (status, error, isPassing) => {
    expect(isPassingAnswer(answer(status, { errors: [error] }))).toBe(isPassing);
    expect(isPassingAnswer(answer(status, { errors: ['1 error occurred', error] }))).toBe(isPassing);
  });

  it('is a conflict only where the versions did not match', () => {
    const text = 'check-and-set parameter did not match the current version';
    expect(isCasMismatch(answer(400, { errors: [text] }))).toBe(true);
    expect(isCasMismatch(answer(400, { errors: ['1 error occurred', text] }))).toBe(true);
    expect(isCasMismatch(answer(500, { errors: [text] }))).toBe(false);
    expect(isCasMismatch(answer(400, { errors: ['check-and-set parameter required for this call'] }))).toBe(
      false,
    );
  });
});

describe('the hint about an answer', () => {
  const sealed = answer(503, { errors: ['Vault is sealed'] });
  const elsewhere = { kind: 'elsewhere-here', url: 'https://vault.example/v1/x' } as const;
  it.each<[string, ServerAnswer, RegExp]>([
    ['a sealed server', sealed, /unseal/],
    ['a redirect', { ...answer(307, {}), redirect: { kind: 'foreign' } }, /load balancer/],
    ['a redirect to this origin', { ...answer(308, {}), redirect: elsewhere }, /load balancer/],
    ['a quota', answer(429, {}), /quota/],
    ['no mount', answer(404, { errors: ['no handler for route "x"'] }), /nothing is mounted/],
    [
      'a part of a mount',
      answer(404, { warnings: ['Invalid path for a versioned K/V secrets engine'] }),
      /a part of a mount/,
    ],
  ])('of %s says what to do', (_, given, words) => {
    expect(hintOf(given)).toMatch(words);
  });

  it.each([
    [400, { errors: ['check-and-set parameter did not match the current version'] }],
    [403, { errors: ['permission denied'] }],
    [404, { errors: [] }],
    [404, { data: { metadata: { version: 3 } } }],
    [404, {}],
    [500, { errors: ['no handler for route "x"'] }],
  ])('of %i with %j is none: it would send the reader elsewhere', (status, body) => {
    expect(hintOf(answer(status, body))).toBeUndefined();
  });
});
