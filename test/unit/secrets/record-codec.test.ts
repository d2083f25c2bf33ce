import { describe, expect, it } from 'vitest';
import { emptyRecord, INSTALLATION_NAME, RECORD_SCHEMA } from '../../../src/domain/record.ts';
import {
  decodeEntry,
  decodeInstallation,
  encodeEntry,
  encodeInstallation,
} from '../../../src/secrets/record-codec.ts';
import { fullRecord, someSecret, storedRecord } from '../../support/record-builders.ts';

/** What is left after a stay in a file. */
function stored(record: ReturnType<typeof fullRecord>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(encodeEntry(record))) as Record<string, unknown>;
}

/** `data` with the field at `path` (dots between keys) set to `value`, or removed where it is undefined. */
function withField(data: unknown, path: string, value: unknown): Record<string, unknown> {
  const [key = '', ...rest] = path.split('.');
  const copy = { ...(data as Record<string, unknown>) };
  copy[key] = rest.length === 0 ? value : withField(copy[key], rest.join('.'), value);
  return JSON.parse(JSON.stringify(copy)) as Record<string, unknown>;
}

describe('the record codec', () => {
  it.each([
    { reason: 'every field is filled', record: fullRecord('orders') },
    { reason: 'nothing is filled', record: emptyRecord('orders', 'default') },
    {
      reason: 'the secret is not known any more',
      record: storedRecord('orders', {
        current: { ...storedRecord('orders').current!, signing_secret: null },
      }),
    },
    {
      reason: 'the secret before was not known either, and the file had no revision',
      record: {
        ...fullRecord('orders'),
        previous: { ...fullRecord('orders').previous!, signing_secret: null },
        applied_from: { ...fullRecord('orders').applied_from!, revision: null },
        last_change: { ...fullRecord('orders').last_change!, revision: null },
      },
    },
    {
      reason: 'a process id is not known',
      record: {
        ...fullRecord('orders'),
        intent: {
          ...fullRecord('orders').intent!,
          holder: { ...fullRecord('orders').intent!.holder, pid: 0, started: '' },
        },
      },
    },
    {
      reason: 'every line is meant, and optional fields are not managed',
      record: storedRecord('orders', {
        applied: { target_url: 'https://a.example/', subscribed_events: [], phone_numbers: null },
      }),
    },
  ])('gives back what it was given: $reason', ({ record }) => {
    const decoded = decodeEntry(stored(record), 'orders');
    expect(decoded).toEqual({ kind: 'intact', record });
    // Secrets are equal by value, which no structural comparison can see.
    const again = decoded.kind === 'intact' ? stored(decoded.record) : undefined;
    expect(again).toEqual(stored(record));
  });

  it('keeps the secrets themselves, not their redaction', () => {
    const data = stored(fullRecord('orders'));
    expect(data['current']).toMatchObject({ signing_secret: someSecret('a').reveal() });
    expect(data['next']).toMatchObject({ signing_secret: someSecret('b').reveal() });
    expect(data['previous']).toMatchObject({ signing_secret: someSecret('c').reveal() });
  });

  const full = stored(fullRecord('orders'));
  const leaves = (data: Record<string, unknown>, prefix = ''): string[] =>
    Object.entries(data).flatMap(([key, value]) => [
      `${prefix}${key}`,
      ...(typeof value === 'object' && value !== null && !Array.isArray(value)
        ? leaves(value as Record<string, unknown>, `${prefix}${key}.`)
        : []),
    ]);
  const optional = ['applied.is_active', 'applied.routing_key_header', 'applied.routing_id_header'];

  it.each(leaves(full))('calls a record damaged whose %s has the wrong type', (path) => {
    const value = path.endsWith('.pid') || path === 'schema' ? 'four' : 4;
    expect(decodeEntry(withField(full, path, value), 'orders').kind).toBe('damaged');
  });

  it.each(leaves(full).filter((path) => !optional.includes(path)))(
    'calls a record damaged that lacks %s',
    (path) => {
      expect(decodeEntry(withField(full, path, undefined), 'orders').kind).toBe('damaged');
    },
  );

  it.each([
    ['', 'has an unknown field'],
    ['current.', 'has an unknown field in current'],
    ['next.', 'has an unknown field in next'],
    ['retire.', 'has an unknown field in retire'],
    ['previous.', 'has an unknown field in previous'],
    ['intent.', 'has an unknown field in intent'],
    ['intent.holder.', 'has an unknown field in intent.holder'],
    ['applied.', 'has an unknown field in applied'],
    ['applied_from.', 'has an unknown field in applied_from'],
  ])('does not drop a field it does not know: %s', (place, reason) => {
    const data = withField(full, `${place}whsec_surprise`, 'whsec_value');
    expect(decodeEntry(data, 'orders')).toEqual({ kind: 'damaged', reason });
  });

  it.each([
    { reason: 'an empty secret', path: 'current.signing_secret', value: '' },
    { reason: 'an empty id', path: 'current.subscription_id', value: '' },
    { reason: 'a time that is none', path: 'intent.deadline', value: 'soon' },
    { reason: 'a time with impossible digits', path: 'intent.deadline', value: '2026-99-01T00:00:00Z' },
    { reason: 'a list with an empty item', path: 'applied.subscribed_events', value: [''] },
    { reason: 'a broken process id', path: 'intent.holder.pid', value: 1.5 },
    { reason: 'a process id below zero', path: 'intent.holder.pid', value: -1 },
    { reason: 'an unknown mode', path: 'intent.holder.mode', value: 'walk' },
    { reason: 'half a schema', path: 'schema', value: 1.5 },
    { reason: 'schema zero', path: 'schema', value: 0 },
  ])('calls a record damaged for $reason, and quotes nothing of it', ({ path, value }) => {
    const decoded = decodeEntry(withField(full, path, value), 'orders');
    expect(decoded.kind).toBe('damaged');
    expect(JSON.stringify(decoded)).not.toContain('whsec_');
  });

  it('calls a record damaged that carries the name of another', () => {
    expect(decodeEntry(full, 'billing').kind).toBe('damaged');
  });

  it.each([{ data: null }, { data: [] }, { data: 'text' }, { data: 7 }])(
    'calls $data damaged',
    ({ data }) => {
      expect(decodeEntry(data, 'orders').kind).toBe('damaged');
    },
  );

  it('does not judge what a newer program wrote', () => {
    const data = { schema: RECORD_SCHEMA + 1, anything: ['goes'] };
    expect(decodeEntry(data, 'orders')).toEqual({ kind: 'newer', schema: RECORD_SCHEMA + 1 });
    expect(decodeInstallation(data)).toEqual({ kind: 'newer', schema: RECORD_SCHEMA + 1 });
  });

  it("gives back the installation's record, and is as strict with it", () => {
    const record = {
      schema: RECORD_SCHEMA,
      name: INSTALLATION_NAME,
      id: 'k3x9',
      line_ids: ['a', 'b'],
      pauses: [
        { owner: 'default', name: null, until: null, reason: 'its records moved to vault:secret/linq' },
        { owner: 'default', name: 'orders', until: '2026-03-01T10:00:00Z', reason: null },
      ],
    } as const;
    const data = encodeInstallation(record);
    expect(decodeInstallation(data)).toEqual({ kind: 'intact', record });
    for (const [path, value] of [
      ['id', 'Not-Good'],
      ['line_ids', [1]],
      ['name', 'orders'],
      ['extra', true],
      ['pauses', {}],
      ['pauses', [null]],
      ['pauses', [{ owner: 'default', name: null, until: null }]],
      ['pauses', [{ owner: 'default', name: '', until: null, reason: null }]],
      ['pauses', [{ owner: 'default', name: null, until: 'soon', reason: null }]],
      ['pauses', [{ owner: 'default', name: null, until: null, reason: null, extra: 1 }]],
    ] as const) {
      expect(decodeInstallation(withField(data, path, value)).kind).toBe('damaged');
    }
  });
});
