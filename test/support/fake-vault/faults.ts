import type { FakeReply } from './reply.ts';

/** A request as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  /** Below `/v1/`, with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** What happens to a request instead of an ordinary answer. */
export type Fault =
  /** This answer, and nothing is done; with `after`, it is done all the same. */
  | {
      readonly kind: 'reply';
      readonly reply: FakeReply | ((request: SeenRequest) => FakeReply);
      readonly after?: boolean;
    }
  /** The connection is reset: before anything is done, or after. */
  | { readonly kind: 'reset'; readonly after: boolean }
  /** It is done, and half of the answer is sent. */
  | { readonly kind: 'truncate' }
  /** It is done as ever, so many milliseconds later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** It is done, or answered with `after`, once this is resolved; its client may be gone by then. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown>; readonly after?: boolean };

/** What has become of a fault so far. */
export interface Injected {
  readonly hits: number;
  /** Resolves when a request has met it. */
  reached(): Promise<void>;
}

export interface Faults {
  /** The next `times` requests that match. A method and the beginning of a path, or a test of one's own. */
  inject(matches: string | ((request: SeenRequest) => boolean), fault: Fault, times?: number): Injected;
  clear(): void;
  /** The fault of this request, used up. */
  take(request: SeenRequest): Fault | undefined;
}

export function createFaults(): Faults {
  const waiting: {
    matches: (request: SeenRequest) => boolean;
    fault: Fault;
    times: number;
    onHit: () => void;
  }[] = [];
  return {
    inject(matches, fault, times = 1) {
      const test =
        typeof matches === 'string'
          ? ({ method, path }: SeenRequest) => `${method} ${path}`.startsWith(matches)
          : matches;
      let hits = 0;
      let onHit = (): void => undefined;
      const reached = new Promise<void>((resolve) => (onHit = resolve));
      waiting.push({
        matches: test,
        fault,
        times,
        onHit() {
          hits += 1;
          onHit();
        },
      });
      return {
        get hits() {
          return hits;
        },
        reached: () => reached,
      };
    },
    clear() {
      waiting.length = 0;
    },
    take(request) {
      const found = waiting.find(({ matches, times }) => times > 0 && matches(request));
      if (found === undefined) return undefined;
      found.times -= 1;
      found.onHit();
      return found.fault;
    },
  };
}
