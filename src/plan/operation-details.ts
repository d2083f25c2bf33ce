import type { FieldChange, FieldValue, Operation } from '../domain/operation.ts';
import { FIELD_NAMES, type SubscriptionFields } from '../domain/subscription.ts';
import { plural } from './words.ts';

/** A part of a line that stays together when the line is wrapped. */
export interface Piece {
  /** What goes before, with a space. */
  readonly sign: '' | '+' | '-' | '→';
  /** Not yet safe to print. */
  readonly text: string;
  /** False for words of ours, such as `every line`. */
  readonly isValue: boolean;
  /** A comma follows. */
  readonly isFollowed: boolean;
}

/** One line under an operation: a field, and what is, or becomes, of it. */
export interface Detail {
  readonly label: string;
  /** Before the pieces; empty where the change is plain. */
  readonly note: string;
  readonly pieces: readonly Piece[];
}

type Field = FieldChange['field'];

/** The lines under an operation, in the order of the fields. */
export function detailsOf(operation: Operation): readonly Detail[] {
  switch (operation.kind) {
    case 'create':
      return [
        ...fieldDetails(operation.fields),
        ...(operation.prevent_destroy ? [detail('prevent_destroy', true)] : []),
      ];
    case 'update':
      return operation.changes.length === 0 ? [RECORD_ONLY] : operation.changes.map(changeDetail);
    case 'make-way':
      return [
        {
          label: 'target_url',
          note: '',
          pieces: [value(operation.target_url), word('with a mark, for now')],
        },
      ];
    case 'delete':
      // An entry's name says enough; what has none is known by its URL and id.
      if (operation.name !== null) return idDetail(operation.replacement_id, 'replacement_id');
      if (operation.before === null) return [];
      return [detail('target_url', operation.before.target_url), ...idDetail(operation.before.id)];
    case 'retire':
    case 'rename':
      return idDetail(operation.replacement_id, 'replacement_id');
    case 'recover':
      return idDetail(operation.subscription_id);
    case 'collect':
      return [detail('target_url', operation.target_url), ...idDetail(operation.subscription_id)];
    case 'forget':
      return [];
    case 'replace':
      return [
        ...(operation.step === 'drop'
          ? []
          : [...fieldDetails(operation.fields), ...idDetail(operation.subscription_id)]),
        ...idDetail(operation.replacement_id, 'replacement_id'),
      ];
  }
}

/** What becomes of the entry's secret, and where it is kept from then on. */
export function secretPieces(operation: Operation, locate: (name: string) => string): readonly Piece[] {
  const place = 'name' in operation && operation.name !== null ? [value(locate(operation.name), '→')] : [];
  switch (operation.secret) {
    case 'new':
      return [word('new'), ...place];
    case 'moved':
      return operation.kind === 'rename'
        ? [word('moved from'), value(operation.from), ...place]
        : [word('moved'), ...place];
    case 'kept':
    case 'discarded':
    case 'none':
      return [word(operation.secret)];
  }
}

const RECORD_ONLY: Detail = {
  label: 'record',
  note: '',
  pieces: [word('what the file says is live already, and is noted as applied')],
};

function fieldDetails(fields: SubscriptionFields): readonly Detail[] {
  return FIELD_NAMES.flatMap((field) => {
    const content = fields[field];
    return content === undefined ? [] : [detail(field, content)];
  });
}

function detail(field: Field, content: FieldValue): Detail {
  return { label: field, note: '', pieces: valuePieces(field, content) };
}

function idDetail(id: string | null, label = 'subscription_id'): readonly Detail[] {
  return id === null ? [] : [{ label, note: '', pieces: [value(id)] }];
}

/**
 * Sets as what is added and removed, everything else as before → after. Of a field that drifted, the signs
 * say what the live subscription has too much and too little: that is what a person wants to know of drift.
 */
function changeDetail(change: FieldChange): Detail {
  const { field, before, after } = change;
  const hasDrifted = change.reason === 'drifted';
  const note = hasDrifted ? 'drifted, live has' : '';
  if (isList(before) && isList(after) && !isEveryLine(field, before) && !isEveryLine(field, after)) {
    const [from, to] = hasDrifted ? [after, before] : [before, after];
    const pieces = [...signed(field, '+', to, from), ...signed(field, '-', from, to)];
    return { label: field, note, pieces };
  }
  // A filter that is dropped says how many lines it let pass; their numbers are of no use any more.
  const old =
    isList(before) && isEveryLine(field, after)
      ? [word(plural(before.length, 'line'))]
      : valuePieces(field, before);
  return { label: field, note, pieces: [...old, ...valuePieces(field, after, '→')] };
}

/** The values of `these` that are not among `those`. */
function signed(
  field: Field,
  sign: '+' | '-',
  these: readonly string[],
  those: readonly string[],
): readonly Piece[] {
  const known = new Set(those);
  return these.filter((item) => !known.has(item)).map((item) => value(inQuotes(field, item), sign));
}

/** The parts of a value, never none of them; `sign` stands before the first. */
export function valuePieces(field: Field, content: FieldValue, sign: Piece['sign'] = ''): readonly Piece[] {
  if (isEveryLine(field, content)) return [word('every line', sign)];
  if (content === null) return [word('none', sign)];
  if (!isList(content)) return [value(content === '' ? '""' : String(content), sign)];
  if (content.length === 0) return [word('none', sign)];
  return content.map((item, index) => ({
    ...value(inQuotes(field, item), index === 0 ? sign : ''),
    isFollowed: index < content.length - 1,
  }));
}

/** Phone numbers begin with a sign of their own, so they stand in quotes, as they do in the file. */
function inQuotes(field: Field, item: string): string {
  return field === 'phone_numbers' ? `"${item}"` : item;
}

/** To Linq, an empty phone filter and none are the same. */
function isEveryLine(field: Field, content: FieldValue): boolean {
  return field === 'phone_numbers' && (content === null || (isList(content) && content.length === 0));
}

function isList(content: FieldValue): content is readonly string[] {
  return Array.isArray(content);
}

function word(text: string, sign: Piece['sign'] = ''): Piece {
  return { sign, text, isValue: false, isFollowed: false };
}

function value(text: string, sign: Piece['sign'] = ''): Piece {
  return { sign, text, isValue: true, isFollowed: false };
}
