/*
 * Records as versions of secrets. A write says which number must be current (`cas`), so it happens once however
 * often it is sent; whatever became of it is learnt by reading back:
 *
 *   write(cas n) ─ 200 ──────────────▶ n+1, done
 *                ├ 400 CAS mismatch ─▶ read: ours → done · still n → the reading node lags: again · else conflict
 *                ├ no answer ────────▶ read: ours → done · still n → write again · else conflict
 *                │                     (ours, but not n+1: the server did not compare → fail)
 *                └ other 4xx ────────▶ nothing was written
 *
 * Data first, the mark in `custom_metadata` afterwards: a lost mark is made up for at the next write, and data with
 * a `record` that decodes is marked by that. A removal is a write too (a tombstone), and then the destruction of
 * exactly the older versions; a crash in between is finished by the next `list` or `check` of a sink (not of a
 * reader). DELETE has no `cas` and is never used.
 */
import { SinkConflictError, SinkError } from '../../domain/errors.ts';
import type { Version } from '../sink.ts';
import type { KvFound, KvStore, KvVersion } from './kv-store.ts';
import type { Plain } from '../record-fields.ts';
import { isSameMap, tombstoneMap, type DataMap, type DecodedMap } from './record-map.ts';

/** What stands under a name and what it means. `decoded` is undefined where there is nothing, or nothing to read. */
export interface Standing {
  readonly found: KvFound;
  readonly decoded: DecodedMap<unknown> | undefined;
}

export interface RecordContext {
  readonly kv: KvStore;
  readonly owner: string;
  /** `vault:secret/linq/orders`. */
  readonly locate: (name: string) => string;
  /** The last version that this process saw under a name, if it may be written over. */
  readonly known: Map<string, Known>;
  readonly sleep: (ms: number) => Promise<void>;
  readonly nonce: () => string;
}

/** A version of ours. Its number in a conditional write proves that it is current, so it need not be read again. */
interface Known extends KvVersion {
  readonly isMarked: boolean;
}

export type DecodeMap = (map: Plain) => DecodedMap<unknown>;

const MARK_KEY = 'managed-by';
const MARK = 'linq-gitops';
/** Holds the number of the tombstone below which everything is destroyed. */
const SWEPT_KEY = 'linq-gitops-removed';
const MAX_TRIES = 5;
const MAX_UNANSWERED = 2;
const FIRST_PAUSE_MS = 200;

/** Reads what stands under a name. A node that answers with less than this process has written is asked again. */
export async function readStanding(
  context: RecordContext,
  name: string,
  decode: DecodeMap,
): Promise<Standing> {
  const { kv, known, sleep } = context;
  const atLeast = known.get(name)?.number ?? 0;
  for (let attempt = 1; ; attempt += 1) {
    const found = await kv.read(name);
    // In the end the server is believed: somebody may have deleted the metadata, and the count with it.
    if (found.number >= atLeast || attempt === MAX_TRIES) {
      const standing = { found, decoded: found.kind === 'data' ? decode(found.map) : undefined };
      remember(context, name, standing);
      return standing;
    }
    await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1));
  }
}

/**
 * Writes `map` as the successor of `expected`; returns its version, which is then durable. `SinkConflictError` where
 * another version is current; refuses what is not ours, or of a newer program, with `SinkError`.
 */
export async function putMap(
  context: RecordContext,
  name: string,
  map: DataMap,
  expected: Version,
  decode: DecodeMap,
): Promise<KvVersion> {
  const base = await baseOf(context, name, expected, decode);
  const written = await writeOnce(context, name, map, base, decode);
  const isMarked =
    base.isMarked || (await tryMark(context, name, { [MARK_KEY]: MARK, owner: context.owner }));
  context.known.set(name, { ...written, isMarked });
  return written;
}

/** Replaces what is there by a tombstone, then destroys what came before. Returns the tombstone's version. */
export async function removeMap(
  context: RecordContext,
  name: string,
  expected: Version,
  decode: DecodeMap,
): Promise<Version> {
  const { found, decoded } = await readStanding(context, name, decode);
  const isGone = found.kind === 'absent' || decoded?.kind === 'removed';
  if (isGone && found.version === expected) {
    if (!isSwept(found)) await sweepOlder(context, name, found.number);
    return found.version;
  }
  const { number, version } = await putMap(
    context,
    name,
    tombstoneMap(name, context.nonce()),
    expected,
    decode,
  );
  await sweepOlder(context, name, number);
  return version;
}

/** Whether nothing is left before a tombstone. */
export function isSwept(found: KvFound): boolean {
  return found.kind === 'absent' || found.marks[SWEPT_KEY] === String(found.number);
}

/** Destroys every version before the tombstone `number`, and notes that it is done. */
export async function sweepOlder(context: RecordContext, name: string, number: number): Promise<void> {
  const { kv, locate } = context;
  try {
    const older = await kv.olderThan(name, number);
    if (older.length > 0) await kv.destroy(name, older);
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    const { message, hint } = error;
    throw new SinkError(`${message}; ${locate(name)} is removed, its older versions are not`, {
      cause: error,
      hint,
    });
  }
  await tryMark(context, name, { [SWEPT_KEY]: String(number) });
}

/** Whether something is no work of ours: without the mark, and without a record that decodes. */
export function isForeign({ found, decoded }: Standing): boolean {
  if (found.kind === 'absent' || found.marks[MARK_KEY] === MARK) return false;
  return decoded === undefined || decoded.kind === 'foreign' || decoded.kind === 'damaged';
}

async function baseOf(
  context: RecordContext,
  name: string,
  expected: Version,
  decode: DecodeMap,
): Promise<Known> {
  const known = context.known.get(name);
  if (known?.version === expected) return known;
  const standing = await readStanding(context, name, decode);
  refuseOthers(context, name, standing);
  if (standing.found.version !== expected) throw conflict(context, name);
  return knownOf(standing);
}

/** Keeps the version for the next write, if it may be written over. */
export function remember(context: RecordContext, name: string, standing: Standing): void {
  const isOurs = !isForeign(standing) && standing.decoded?.kind !== 'newer';
  if (isOurs) context.known.set(name, knownOf(standing));
  else context.known.delete(name);
}

function knownOf({ found }: Standing): Known {
  const isMarked = found.kind !== 'absent' && found.marks[MARK_KEY] === MARK;
  return { number: found.number, version: found.version, isMarked };
}

function refuseOthers(context: RecordContext, name: string, standing: Standing): void {
  const place = context.locate(name);
  const { decoded } = standing;
  if (decoded?.kind === 'newer') {
    throw new SinkError(
      `cannot write ${place}: its record has schema ${decoded.schema}, of a newer linq-gitops`,
    );
  }
  if (!isForeign(standing)) return;
  throw new SinkError(`cannot write ${place}: a secret is there that linq-gitops did not write`, {
    hint: `choose another secrets.vault.path; or, if it may be overwritten, put ${MARK_KEY}=${MARK} into its custom_metadata (docs/vault.md)`,
  });
}

async function writeOnce(
  context: RecordContext,
  name: string,
  map: DataMap,
  base: KvVersion,
  decode: DecodeMap,
): Promise<KvVersion> {
  const { kv, locate, sleep } = context;
  let unanswered: SinkError | undefined;
  for (let attempt = 1, silences = 0; attempt <= MAX_TRIES && silences < MAX_UNANSWERED; attempt += 1) {
    const written = await kv.write(name, map, base.number);
    if (written.kind === 'written') return written;
    if (written.kind === 'refused') throw unanswered === undefined ? written.error : uncertain(written.error);
    if (written.kind === 'unknown') {
      if (!written.wasSent && unanswered === undefined) throw written.error;
      unanswered = written.error;
      silences += 1;
    }
    const standing = await readBack(context, name, decode, unanswered);
    const { found } = standing;
    if (found.kind === 'data' && isSameMap(found.map, map)) {
      if (found.number === base.number + 1) return found;
      throw uncertain(notCompared(locate(name), base));
    }
    if (found.version !== base.version) {
      refuseOthers(context, name, standing);
      throw conflict(context, name);
    }
    await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1));
  }
  throw uncertain(
    unanswered ?? new SinkError(`cannot write ${locate(name)}: the server refuses the version that it shows`),
  );
}

async function readBack(
  context: RecordContext,
  name: string,
  decode: DecodeMap,
  unanswered: SinkError | undefined,
): Promise<Standing> {
  try {
    return await readStanding(context, name, decode);
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    throw uncertain(unanswered ?? error);
  }
}

/** The data is what counts, and it is safe: a mark that fails is made up for later. */
async function tryMark(
  context: RecordContext,
  name: string,
  marks: Readonly<Record<string, string>>,
): Promise<boolean> {
  try {
    await context.kv.mark(name, marks);
    return true;
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    return false;
  }
}

function conflict({ locate }: RecordContext, name: string): SinkConflictError {
  return new SinkConflictError(
    `cannot write ${locate(name)}: another process changed it first; nothing was written`,
  );
}

/** It is what we wrote, and not the next version: what others wrote in between is lost, and that must not pass unnoticed. */
function notCompared(place: string, { number }: KvVersion): SinkError {
  return new SinkError(
    `cannot write ${place}: it has another version than the one after ${number}, so the server did not compare`,
  );
}

function uncertain(error: SinkError): SinkError {
  return new SinkError(`${error.message}; it may have been written`, { cause: error, hint: error.hint });
}
