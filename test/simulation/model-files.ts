import type { Desired, DesiredEntry } from '../../src/domain/desired.ts';
import type { Random } from './model-random.ts';

/** One entry, at times two, and versions of the file beside it that some processes see. */
export function drawFiles(random: Random): readonly Desired[] {
  const orders = makeEntry('orders');
  const others = random.chance(0.3) ? [makeEntry('billing')] : [];
  const base = makeFile('base', [orders, ...others]);
  const versions = [
    makeFile('other events', [withFields(orders, { subscribed_events: ['message.failed'] }), ...others]),
    makeFile('without orders', others),
    makeFile('inactive', [withFields(orders, { is_active: false }), ...others]),
    makeFile('other url', [
      withFields(orders, { target_url: `${orders.fields.target_url}&line=2` }),
      ...others,
    ]),
    makeFile('renamed', [{ ...orders, name: 'shop', previously: ['orders'] }, ...others]),
    makeFile('with one more', [orders, makeEntry('refunds'), ...others]),
    ...others.map((other) =>
      makeFile('swapped', [
        withFields(orders, { target_url: other.fields.target_url }),
        withFields(other, { target_url: orders.fields.target_url }),
      ]),
    ),
  ];
  if (!random.chance(0.6)) return [base];
  return [base, random.pick(versions), ...(random.chance(0.3) ? [random.pick(versions)] : [])];
}

function makeEntry(name: string): DesiredEntry {
  return {
    name,
    rotate_after: null,
    fields: {
      target_url: `https://hooks.example.com/${name}?version=2026-02-03`,
      subscribed_events: ['message.received'],
      phone_numbers: null,
    },
    previously: [],
    prevent_destroy: false,
  };
}

function withFields(entry: DesiredEntry, fields: Partial<DesiredEntry['fields']>): DesiredEntry {
  return { ...entry, fields: { ...entry.fields, ...fields } };
}

function makeFile(content_hash: string, entries: readonly DesiredEntry[]): Desired {
  const sorted = [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { entries: sorted, allow_empty: entries.length === 0, content_hash, revision: null };
}
