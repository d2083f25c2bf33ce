import { emptyRecord, isVacant, ownedIds, type EntryRecord } from '../../src/domain/record.ts';
import type { ObservedRecord } from '../../src/domain/observation.ts';
import type { Operation, ReplaceOperation, RetireOperation } from '../../src/domain/operation.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { LiveSubscription, SubscriptionPatch } from '../../src/domain/subscription.ts';
import { markOf, markUrl, normaliseUrl } from '../../src/domain/target-url.ts';
import type { PlanInput } from '../../src/plan/candidate.ts';
import { INSTALLATION, OWNER } from './world.ts';

/*
 * The account and the records as two maps, and what each kind of operation does to them when nothing fails.
 * The account refuses what Linq refuses: a POST or PUT to a URL that another subscription has.
 */

interface Model {
  readonly live: Map<string, LiveSubscription>;
  readonly records: Map<string, ObservedRecord>;
  /** Ids of subscriptions made so far. */
  made: number;
  /** The API server's time. */
  readonly now: number;
}

/** Applies `operations`, in their order, to what `input` observed, and returns what a next pass observes. */
export function applyInModel(input: PlanInput, operations: readonly Operation[], salt = 'm'): PlanInput {
  const { observation } = input;
  const model: Model = {
    live: new Map(observation.subscriptions.map((subscription) => [subscription.id, subscription])),
    records: new Map(observation.records),
    made: 0,
    now: observation.serverTime,
  };
  for (const operation of operations) applyOne(model, operation, salt);
  return {
    ...input,
    observation: { ...observation, subscriptions: [...model.live.values()], records: model.records },
  };
}

/**
 * The operations in an order that `after` allows; of those that may go next, `pick` (a count → an index
 * below it) chooses. Fails where something waits for what never comes.
 */
export function inAllowedOrder(
  operations: readonly Operation[],
  pick: (count: number) => number,
): readonly Operation[] {
  const done = new Set<string>();
  const order: Operation[] = [];
  let rest = [...operations];
  while (rest.length > 0) {
    const ready = rest.filter(({ after }) => after.every((key) => done.has(key)));
    const next = ready[pick(ready.length)];
    if (next === undefined) throw new Error(`stuck: ${rest.map(({ key }) => key).join(', ')}`);
    order.push(next);
    done.add(next.key);
    rest = rest.filter((operation) => operation !== next);
  }
  return order;
}

/** Choices that are the same for the same seed, so that an order that fails can be run again. */
export function picker(seed: number): (count: number) => number {
  let state = seed;
  return (count) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * count);
  };
}

function applyOne(model: Model, operation: Operation, salt: string): void {
  switch (operation.kind) {
    case 'create': {
      const { name, fields, prevent_destroy } = operation;
      const { is_active = true, routing_key_header = null, routing_id_header = null, ...rest } = fields;
      model.made += 1;
      const id = `${salt}-${name}-${model.made}`;
      const marked = markUrl(fields.target_url, `${INSTALLATION}.${id}`);
      const made = {
        ...rest,
        id,
        target_url: marked,
        is_active: true,
        routing_key_header,
        routing_id_header,
      };
      model.live.set(id, made);
      put(model, id, { target_url: fields.target_url, is_active });
      const current = {
        subscription_id: id,
        target_url: fields.target_url,
        signing_secret: new Secret(id),
        created_at: new Date(model.now).toISOString(),
      };
      write(model, {
        ...(find(model, name) ?? emptyRecord(name, OWNER)),
        current,
        retire: null,
        applied: fields,
        prevent_destroy,
      });
      return;
    }
    case 'update': {
      const { name, subscription_id, patch, fields, prevent_destroy } = operation;
      const before = get(model, name);
      const current = before.current && { ...before.current, target_url: fields.target_url };
      write(model, { ...before, current, applied: fields, prevent_destroy });
      if (Object.keys(patch).length > 0) put(model, subscription_id, patch);
      return;
    }
    case 'make-way': {
      const mark = `${INSTALLATION}.${salt}-way-${operation.name}`;
      put(model, operation.subscription_id, { target_url: markUrl(operation.target_url, mark) });
      return;
    }
    case 'delete':
      if (operation.before !== null) model.live.delete(operation.before.id);
      if (operation.replacement_id !== null) model.live.delete(operation.replacement_id);
      if (operation.name !== null) model.records.delete(operation.name);
      return;
    case 'retire':
      retire(model, operation);
      return;
    case 'rename': {
      const { name, from, isInterrupted, replacement_id } = operation;
      const leaving = get(model, from);
      const kept = isInterrupted ? get(model, name) : { ...leaving, name };
      const isSame = kept.current?.subscription_id === leaving.current?.subscription_id;
      const survivor = isSame ? { ...kept, next: kept.next ?? leaving.next } : kept;
      write(model, survivor);
      if (replacement_id !== null && !ownedIds(survivor).includes(replacement_id))
        model.live.delete(replacement_id);
      model.records.delete(from);
      return;
    }
    case 'recover': {
      const { intent, ...rest } = get(model, operation.name);
      for (const { id, target_url } of [...model.live.values()]) {
        if (intent !== null && markOf(target_url) === markOf(intent.marked_url)) model.live.delete(id);
      }
      write(model, { ...rest, intent: null });
      if (isVacant({ ...rest, intent: null })) model.records.delete(operation.name);
      return;
    }
    case 'collect':
      model.live.delete(operation.subscription_id);
      return;
    case 'replace':
      replace(model, operation, salt);
      return;
    case 'forget':
      write(model, {
        ...get(model, operation.name),
        ...Object.fromEntries(operation.forgets.map((what) => [what, null])),
      });
  }
}

/** What one pass does of a replacement: all of it, or as far as its overlap. */
function replace(model: Model, operation: ReplaceOperation, salt: string): void {
  if (operation.step === 'drop') {
    drop(model, operation);
    return;
  }
  if (operation.step === 'begin') begin(model, operation, salt);
  if (operation.step === 'begin' || operation.step === 'rest') {
    rest(model, operation);
    if (operation.overlap > 0) return;
  }
  const { name, fields, is_active, prevent_destroy, keeps_previous, subscription_id } = operation;
  const { next, ...before } = get(model, name);
  if (next === null) throw new Error(`nothing takes over ${name}`);
  const { target_url, ...others } = fields;
  put(model, next.subscription_id, { ...others, is_active });
  if (subscription_id !== null) model.live.delete(subscription_id);
  put(model, next.subscription_id, { target_url });
  const { deactivated: _, ready_at: __, compromised: ___, ending: ____, ...own } = next;
  const { current } = before;
  const former = current && {
    subscription_id: current.subscription_id,
    signing_secret: current.signing_secret,
    retired_at: new Date(model.now).toISOString(),
  };
  write(model, {
    ...before,
    current: { ...own, target_url },
    next: null,
    retire: null,
    previous: keeps_previous ? former : null,
    applied: fields,
    prevent_destroy,
  });
}

function begin(model: Model, { name, fields, subscription_id }: ReplaceOperation, salt: string): void {
  const before = find(model, name) ?? emptyRecord(name, OWNER);
  model.made += 1;
  const id = `${salt}-${name}-${model.made}`;
  const { is_active: _, routing_key_header = null, routing_id_header = null, ...others } = fields;
  const target_url = markUrl(fields.target_url, `${INSTALLATION}.${id}`);
  model.live.set(id, { ...others, id, target_url, is_active: true, routing_key_header, routing_id_header });
  const retire = before.current === null && subscription_id !== null ? { subscription_id } : before.retire;
  const created_at = new Date(model.now).toISOString();
  const own = { subscription_id: id, target_url, signing_secret: new Secret(id), created_at };
  write(model, {
    ...before,
    retire,
    next: { ...own, deactivated: false, ready_at: null, compromised: false, ending: null },
  });
}

function rest(model: Model, { name, overlap, is_active }: ReplaceOperation): void {
  const { next, ...before } = get(model, name);
  if (next === null) throw new Error(`nothing takes over ${name}`);
  const deactivated = overlap > 0 || !is_active;
  const ready_at = new Date(model.now).toISOString();
  write(model, { ...before, next: { ...next, deactivated, ready_at } });
  if (deactivated) put(model, next.subscription_id, { is_active: false });
}

function drop(model: Model, { name, replacement_id }: ReplaceOperation): void {
  if (replacement_id !== null) model.live.delete(replacement_id);
  const left = { ...get(model, name), next: null, retire: null };
  if (isVacant(left)) model.records.delete(name);
  else write(model, left);
}

function retire(model: Model, { name, subscription_id, before, replacement_id }: RetireOperation): void {
  const { next, ...others } = get(model, name);
  const at = new Date(model.now).toISOString();
  const retired = others.retired ?? { at, deactivated: before.is_active };
  if (next?.subscription_id === subscription_id) {
    const { deactivated: _, ready_at: __, compromised: ___, ending: ____, ...own } = next;
    write(model, { ...others, current: own, next: null, retired });
  } else {
    write(model, { ...others, next: null, retired });
  }
  if (replacement_id !== null) model.live.delete(replacement_id);
  put(model, subscription_id, { is_active: false });
}

/** PUT: refused while another subscription has the URL. */
function put(model: Model, id: string, patch: SubscriptionPatch): void {
  const before = model.live.get(id);
  if (before === undefined) throw new Error(`PUT of ${id}, which is gone`);
  const { target_url } = patch;
  for (const other of model.live.values()) {
    if (target_url === undefined || other.id === id) continue;
    if (normaliseUrl(other.target_url) === normaliseUrl(target_url)) {
      throw new Error(`PUT of ${id} to a URL that ${other.id} has`);
    }
  }
  model.live.set(id, { ...before, ...patch });
}

function write(model: Model, record: EntryRecord): void {
  model.records.set(record.name, {
    kind: 'intact',
    record,
    isIntentAbandoned: false,
    isApplierGone: false,
  });
}

function find(model: Model, name: string): EntryRecord | undefined {
  const observed = model.records.get(name);
  return observed?.kind === 'intact' ? observed.record : undefined;
}

function get(model: Model, name: string): EntryRecord {
  const record = find(model, name);
  if (record === undefined) throw new Error(`the record of ${name} is gone`);
  return record;
}
