import { rm, writeFile } from 'node:fs/promises';
import { deliveries, type Delivery } from '../support/deliveries.ts';

/** An entry as the file of a chaos has it; what is absent is not written. */
export interface DeclaredEntry {
  readonly target_url: string;
  readonly subscribed_events: readonly string[];
  readonly phone_numbers?: readonly string[];
  readonly is_active?: boolean;
  readonly previously?: readonly string[];
  readonly lifecycle?: { readonly prevent_destroy: boolean };
}

/** The subscriptions file: what its author wants in it, and how it is delivered. */
export interface Declared {
  readonly path: string;
  readonly title: string;
  entries: ReadonlyMap<string, DeclaredEntry>;
  /** Removed in this epoch; each may come back as it was, as long as nobody else has its URL. */
  readonly removed: Map<string, DeclaredEntry>;
  /** What stands there is not what the author wants. */
  isBad: boolean;
  /** Delivers the entries; `{}` with consent. */
  write(): Promise<void>;
  /** Delivers any text. */
  break(text: string): Promise<void>;
  /** Takes the file away, where that is possible without breaking the way in which it is delivered. */
  remove(): Promise<boolean>;
}

/** Lays the entries out in an empty folder, to be delivered in the given way from then on. */
export async function layOut(
  folder: string,
  delivery: Delivery,
  entries: ReadonlyMap<string, DeclaredEntry>,
): Promise<Declared> {
  const file = await delivery.prepare(folder, textOf(entries));
  let isThere = true;
  const deliver = async (text: string): Promise<void> => {
    if (!isThere) await writeFile(file.path, '');
    isThere = true;
    await file.update(text);
  };
  const declared: Declared = {
    path: file.path,
    title: delivery.title,
    entries,
    removed: new Map(),
    isBad: false,
    async write() {
      await deliver(textOf(declared.entries));
      declared.isBad = false;
    },
    async break(text) {
      declared.isBad = true;
      await deliver(text);
    },
    async remove() {
      if (!deliveries.slice(0, 2).includes(delivery) || !isThere) return false;
      declared.isBad = true;
      isThere = false;
      await rm(file.path);
      return true;
    },
  };
  return declared;
}

/** JSON is YAML. */
export function textOf(entries: ReadonlyMap<string, DeclaredEntry>): string {
  const consent = entries.size === 0 ? { allow_empty: true } : {};
  return `${JSON.stringify({ version: 1, ...consent, subscriptions: Object.fromEntries(entries) }, null, 2)}\n`;
}
