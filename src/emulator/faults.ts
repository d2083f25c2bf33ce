import type { ApiCall, ApiOperation } from './routes.ts';

/**
 * What goes wrong with a request. "Commit" is the moment when the account changes and the answer is made.
 *
 *   request ─▶ refuse ─▶ read body ─▶ delay, hold (at: before) ─▶ status, hang, late ─▶ COMMIT
 *           ─▶ delay, hold (at: after) ─▶ reset, truncate, shape, status/hang with commit ─▶ answer
 */
export type FaultAction =
  /** Waits `ms` milliseconds before the commit, or after it. */
  | { readonly kind: 'delay'; readonly ms: number; readonly at?: 'before' | 'after' }
  /** Waits until it is released. The request goes on then, also where its client has died meanwhile. */
  | { readonly kind: 'hold'; readonly at?: 'before' | 'after' }
  /** Resets the connection before the body is read: nothing is committed. */
  | { readonly kind: 'refuse' }
  /** Commits, then resets the connection. */
  | { readonly kind: 'reset' }
  /** Commits, then sends the head and half of the body, and resets. */
  | { readonly kind: 'truncate' }
  /** Commits, then answers with a body of another shape. */
  | { readonly kind: 'shape'; readonly body: WrongShape }
  /** Answers with this status, without commit unless asked. `retryAfter` is in seconds, or an HTTP date. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly code?: number;
      readonly commit?: boolean;
      readonly retryAfter?: number | string;
    }
  /** Never answers, until the emulator is closed. */
  | { readonly kind: 'hang'; readonly commit?: boolean }
  /**
   * The client sees a reset (or nothing) now; the request is committed when `landAfter` further requests have
   * been answered, or on release. If the API would refuse it then, nothing happens.
   */
  | { readonly kind: 'late'; readonly landAfter?: number; readonly client?: 'reset' | 'hang' }
  /** A list without these ids, or without so many of the newest. */
  | { readonly kind: 'partial'; readonly drop: readonly string[] | number }
  /** The list as it was `writes` writes ago. */
  | { readonly kind: 'stale'; readonly writes: number };

/** `data`: `{"data":[]}` · `array`: `[]` · `null` · `html`: a page · `empty`: nothing · `no-secret`: a 201 without its secret. */
export type WrongShape = 'data' | 'array' | 'null' | 'html' | 'empty' | 'no-secret';

/** A fault as it is scripted. Absent parts of `match` match everything. */
export interface Fault {
  readonly match?: {
    readonly method?: string;
    readonly path?: ApiOperation | 'any';
    /** The id in the request's path. */
    readonly id?: string;
    /** Begins with the nth request that matches; 1 is the first. */
    readonly nth?: number;
  };
  /** How many requests it hits; once unless given. */
  readonly times?: number | 'always';
  readonly action: FaultAction;
}

/** A scripted fault in the hands of its author. */
export interface FaultHandle {
  readonly id: string;
  readonly fault: Fault;
  /** Requests hit so far. */
  readonly hits: number;
  /** Requests that it holds at this moment, and late ones that have not landed. */
  readonly waiting: number;
  /** Resolves as soon as `waiting` is not 0; at once if it is so already. */
  reached(): Promise<void>;
  /** Lets everything that waits go on; later requests are hit as before. */
  release(): void;
  /** Takes the fault away, and releases what waits. */
  remove(): void;
}

/** A fault that has hit a request. */
export interface Hit {
  readonly action: FaultAction;
  /** Makes `resume` run at the release; the function it returns takes that back. */
  wait(resume: () => void): () => void;
}

interface Entry {
  readonly handle: FaultHandle;
  readonly hit: Hit;
  seen: number;
  hits: number;
}

/** The faults of one emulator. */
export interface FaultBook {
  add(fault: Fault): FaultHandle;
  list(): readonly FaultHandle[];
  /** The faults that hit this request, in the order in which they were added: any waits, and at most one end. */
  take(call: ApiCall): readonly Hit[];
}

/** An empty book. Faults with a spent `times` stay listed, so that their hits can be read. */
export function createFaultBook(): FaultBook {
  const entries = new Map<string, Entry>();
  let added = 0;
  return {
    add(fault) {
      const entry = createEntry(String(++added), fault, (id) => entries.delete(id));
      entries.set(entry.handle.id, entry);
      return entry.handle;
    },
    list: () => [...entries.values()].map((entry) => entry.handle),
    take(call) {
      const hits: Hit[] = [];
      for (const entry of entries.values()) {
        if (!isMatch(entry.handle.fault, call)) continue;
        entry.seen++;
        const isWait = isPause(entry.hit.action);
        if (!isDue(entry) || (!isWait && hits.some((hit) => !isPause(hit.action)))) continue;
        entry.hits++;
        hits.push(entry.hit);
      }
      return hits;
    },
  };
}

/** Whether the action only makes a request wait, so that others may follow it. */
export function isPause(action: FaultAction): action is Extract<FaultAction, { kind: 'delay' | 'hold' }> {
  return action.kind === 'delay' || action.kind === 'hold';
}

function createEntry(id: string, fault: Fault, forget: (id: string) => void): Entry {
  const waiting = new Set<() => void>();
  let watchers: (() => void)[] = [];
  const release = () => {
    const resumed = [...waiting];
    waiting.clear();
    for (const resume of resumed) resume();
  };
  const entry: Entry = {
    seen: 0,
    hits: 0,
    hit: {
      action: fault.action,
      wait(resume) {
        waiting.add(resume);
        for (const watcher of watchers) watcher();
        watchers = [];
        return () => void waiting.delete(resume);
      },
    },
    handle: {
      id,
      fault,
      get hits() {
        return entry.hits;
      },
      get waiting() {
        return waiting.size;
      },
      reached: () =>
        waiting.size > 0 ? Promise.resolve() : new Promise((resolve) => void watchers.push(resolve)),
      release,
      remove() {
        forget(id);
        release();
      },
    },
  };
  return entry;
}

function isMatch({ match = {}, action }: Fault, call: ApiCall): boolean {
  const only = onlyFor(action);
  return (
    (match.method === undefined || match.method.toUpperCase() === call.method) &&
    (match.path === undefined || match.path === 'any' || match.path === call.operation) &&
    (match.id === undefined || match.id === call.id) &&
    (only === undefined || only === call.operation)
  );
}

/** The one operation for which an action has a meaning. */
function onlyFor(action: FaultAction): ApiOperation | undefined {
  if (action.kind === 'partial' || action.kind === 'stale') return 'list';
  return action.kind === 'shape' && action.body === 'no-secret' ? 'create' : undefined;
}

function isDue(entry: Entry): boolean {
  const { match, times = 1 } = entry.handle.fault;
  return entry.seen >= (match?.nth ?? 1) && (times === 'always' || entry.hits < times);
}
