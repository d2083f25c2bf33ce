/**
 * Plain files for a receiver, derived from the records, in the layout of a mounted Kubernetes Secret:
 *
 *   ..2026_11_22_16_33_20.<maker>.<random>/    a generation: all files of one moment, never changed
 *     orders/signing_secret  orders/subscription_id  …  subscriptions.json
 *   ..data → ..2026_11_22_16_33_20.…           which one counts; swapped by rename(2)
 *   orders → ..data/orders                     what a receiver opens
 *   subscriptions.json → ..data/subscriptions.json
 *
 *   make and sync a generation → swap `..data` → put new visible links, take old ones away → discard the old one
 *
 * Killed before the swap, a reader sees the old files, and after it the new ones; the next publication does the
 * rest. A generation outlives its swap by a while: a reader may be on its way through the old link.
 */
import { lstat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError, SinkError } from '../../domain/errors.ts';
import type { EntryRecord } from '../../domain/record.ts';
import type { ExportSettings } from '../../domain/settings.ts';
import { inWords, unless } from '../system-error.ts';
import { ownMark } from '../file/writer-mark.ts';
import { accessOf } from './export-access.ts';
import { hideFromGit, inspectExportFolder, makeExportFolder, refuseShared } from './export-folder.ts';
import { showNames, writeGeneration, type ExportStep, type ExportWriter } from './export-generation.ts';
import { openLeftovers } from './export-leftovers.ts';
import { DATA_LINK } from './export-names.ts';
import type { ExportState } from './export-state.ts';
import { compareTrees, LIST_FILE, namesOf, treeOf, type ExportTree } from './export-tree.ts';
import { notifyReceiver } from './notify-receiver.ts';

export interface ExportOptions extends ExportSettings {
  /** The file sink's folder, which is not to be mixed with the export's; null for another sink. */
  readonly sinkDirectory: string | null;
  /** For asking git. */
  readonly env: NodeJS.ProcessEnv;
  readonly userAgent: string;
  /** How long a generation outlives its swap; a second unless told. */
  readonly lingerMs?: number;
  /** Called before every effect; for tests. */
  readonly onStep?: (step: ExportStep) => Promise<void>;
}

/** What a publication did; names are sorted. */
export interface ExportResult {
  /** False: everything stood as it should, and nothing was written. */
  readonly wrote: boolean;
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly warnings: readonly string[];
}

export interface SecretExport {
  /**
   * Makes the files be those of `records`, durably; entries of `kept` stay as they are. Fails with `SinkError`,
   * and then leaves the files as they were, or as they should be.
   */
  publish(records: readonly EntryRecord[], kept?: readonly string[]): Promise<ExportResult>;
  /** Whether there are files, of any publication. Changes nothing. */
  isPublished(): Promise<boolean>;
  /** Waits until the last readers of old files are through, and removes those. */
  close(): Promise<void>;
}

const LINGER_MS = 1_000;

/** Opens the export; no I/O yet. */
export function openExport(options: ExportOptions): SecretExport {
  const directory = resolve(options.directory);
  const writer: ExportWriter = {
    directory,
    access: accessOf(options),
    mark: ownMark(),
    now: () => new Date(),
    onStep: options.onStep ?? (() => Promise.resolve()),
  };
  const leftovers = openLeftovers(writer, options.lingerMs ?? LINGER_MS);
  let isClaimed = false;
  let turn: Promise<unknown> = Promise.resolve();

  async function publish(records: readonly EntryRecord[], kept: readonly string[]): Promise<ExportResult> {
    // What only a person changes is looked at once.
    const isFirst = !isClaimed;
    if (isFirst && options.sinkDirectory !== null) await refuseShared(directory, options.sinkDirectory);
    const state = await inspectExportFolder(directory, writer.access);
    const tree = treeOf(records, kept, state.tree);
    refuseCollisions(directory, tree, state);
    await makeExportFolder(directory, writer.access);
    const ofGit = isFirst ? await hideFromGit(directory, options.env) : [];
    isClaimed = true;
    const change = compareTrees(state.tree, tree);
    const isSame = state.isSound && change.changed.length + change.removed.length === 0;
    if (!isSame) {
      leftovers.made(await writeGeneration(writer, tree));
      if (state.current !== undefined) leftovers.superseded(state.current);
    }
    const isShownAnew = await showNames(writer, namesOf(tree), state);
    await leftovers.sweep(state.leftovers);
    const wrote = !isSame || isShownAnew;
    const entries = {
      changed: change.changed.filter((name) => name !== LIST_FILE),
      removed: change.removed.filter((name) => name !== LIST_FILE),
    };
    const warnings = [
      ...ofGit,
      ...(wrote && options.notify !== null
        ? await notifyReceiver(options.notify, entries, options.userAgent)
        : []),
    ];
    return { wrote, ...entries, warnings };
  }

  return {
    publish(records, kept = []) {
      const publishing = turn.then(() => publish(records, kept)).catch(explain(directory));
      turn = publishing.catch(() => undefined);
      return publishing;
    },
    async isPublished() {
      try {
        return (await unless(['ENOENT', 'ENOTDIR'], () => lstat(join(directory, DATA_LINK)))) !== undefined;
      } catch (error) {
        return explain(directory)(error);
      }
    },
    async close() {
      await turn;
      await leftovers.settle().catch(explain(directory));
    },
  };
}

/** Nothing of ours may take the place of something that is not, and nothing of an entry that of the list. */
function refuseCollisions(directory: string, tree: ExportTree, { foreign }: ExportState): void {
  const taken = [DATA_LINK, ...namesOf(tree)].find((name) => foreign.includes(name));
  if (taken !== undefined) {
    throw new SinkError(
      `cannot export to ${directory}: ${JSON.stringify(taken)} in it is not ours, and in the way`,
      { hint: 'look at it, and move it elsewhere' },
    );
  }
  if ([...tree.keys()].some((path) => path.startsWith(`${LIST_FILE}/`))) {
    throw new SinkError(`cannot export an entry of the name ${LIST_FILE}: the list of all has that name`, {
      hint: 'rename the entry; give the old name under `previously`',
    });
  }
}

/** Throws the failure on, saying what is not lost by it; whatever the system did not say is a bug. */
function explain(directory: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof AppError && !(error instanceof SinkError)) throw error;
    const message =
      error instanceof SinkError ? error.message : `cannot export to ${directory}: ${inWords(error)}`;
    throw new SinkError(`${message}; the sink has every secret, only the exported files are behind`, {
      cause: error,
      hint: error instanceof SinkError ? error.hint : undefined,
    });
  };
}
