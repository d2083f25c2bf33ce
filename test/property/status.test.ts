import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entryStates } from '../../src/daemon/entry-states.ts';
import type { ObservedRecord } from '../../src/domain/observation.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { LiveSubscription } from '../../src/domain/subscription.ts';
import type { PlanInput } from '../../src/plan/candidate.ts';
import { explainEntry, explainLive, type Explanation } from '../../src/plan/explain.ts';
import { renderExplainMarkdown } from '../../src/plan/render-explain-markdown.ts';
import { renderExplainText } from '../../src/plan/render-explain-text.ts';
import { renderStatusMarkdown } from '../../src/plan/render-status-markdown.ts';
import { renderStatusText } from '../../src/plan/render-status-text.ts';
import { knownNames, overviewOf, type View } from '../../src/plan/status.ts';
import { plain } from '../../src/plan/words.ts';
import { arbitraryWorld, wildAccount } from '../support/arbitrary-world.ts';
import { viewOfInput } from '../support/view.ts';

const RUNS = { numRuns: 60 };
const CANARY = 'whsec_canary';
const REQUESTS = { reads: 3, writes: 0 };
/** What stands before a value takes at most 28 of 80 columns, so a longer word cannot be fitted in. */
const UNBREAKABLE = 80 - 28;

/** Any world, with an account that nobody would make, and with secrets that can be found. */
const views: fc.Arbitrary<View> = fc
  .tuple(arbitraryWorld, fc.option(wildAccount), fc.boolean())
  .map(([input, account, isFileGood]) => {
    const { observation, desired, policy } = withCanaries(input);
    const subscriptions = [...observation.subscriptions, ...renamed(account ?? [])];
    const seen = { ...input, observation: { ...observation, subscriptions } };
    if (isFileGood) return viewOfInput(seen);
    const blind = {
      ...seen,
      desired: { ...desired, entries: [] },
      policy: { ...policy, prune: 'never' as const },
    };
    return { ...viewOfInput(blind), desired: null };
  });

function withCanaries(input: PlanInput): PlanInput {
  const secret = new Secret(CANARY);
  const records = [...input.observation.records].map(
    ([name, observed]): readonly [string, ObservedRecord] => {
      if (observed.kind !== 'intact') return [name, observed];
      const { current, next, previous } = observed.record;
      const record = {
        ...observed.record,
        current: current && { ...current, signing_secret: current.signing_secret && secret },
        next: next && { ...next, signing_secret: secret },
        previous: previous && { ...previous, signing_secret: secret },
      };
      return [name, { ...observed, record }];
    },
  );
  return { ...input, observation: { ...input.observation, records: new Map(records) } };
}

/** Ids of the account are unique. */
function renamed(account: readonly LiveSubscription[]): readonly LiveSubscription[] {
  return account.map((one) => ({ ...one, id: `wild ${one.id}` }));
}

function explanationsOf(view: View): readonly Explanation[] {
  return [
    ...knownNames(view).map((name) => explainEntry(name, view)),
    ...view.input.observation.subscriptions.map((live) => explainLive(live, view)),
  ];
}

/** Everything that both commands print for people. */
function textsOf(view: View, width: number | undefined): readonly string[] {
  const locate = (name: string): string => `file:secrets/${name}.json`;
  const serverTime = new Date(view.input.observation.serverTime).toISOString();
  const overview = overviewOf(view);
  const options = { colours: plain, requests: REQUESTS, symbols: true, width, locate, serverTime };
  return [
    renderStatusText(overview, options),
    renderStatusMarkdown(overview, options),
    ...explanationsOf(view).flatMap((one) => [
      renderExplainText(one, options),
      renderExplainMarkdown(one, options),
    ]),
  ];
}

describe('what status and explain print', () => {
  it('is not wider than the terminal, except by a value that cannot be broken', () => {
    fc.assert(
      fc.property(views, fc.constantFrom(80, 100, 140), (view, width) => {
        const texts = textsOf(view, width).filter((text) => !text.startsWith('<!--'));
        for (const line of texts.flatMap((text) => text.split('\n'))) {
          const longest = Math.max(...line.split(' ').map((word) => word.length));
          const isCommand = line.startsWith('        linq-gitops ');
          expect(line.length <= width || isCommand || longest > width - 80 + UNBREAKABLE, line).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('cannot drive a terminal, whatever the account holds (I5)', () => {
    fc.assert(
      fc.property(views, fc.constantFrom(80, 140, undefined), (view, width) => {
        for (const text of textsOf(view, width)) {
          expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        }
      }),
      RUNS,
    );
  });

  it('holds no secret (I5)', () => {
    fc.assert(
      fc.property(views, (view) => {
        const values = JSON.stringify([overviewOf(view), explanationsOf(view)]);
        for (const text of [values, ...textsOf(view, 80)]) expect(text).not.toContain(CANARY);
      }),
      RUNS,
    );
  });

  it('gives a way out of everything that is held', () => {
    fc.assert(
      fc.property(views, (view) => {
        for (const { ways_out } of overviewOf(view).held) expect(ways_out).not.toEqual([]);
        for (const { held } of explanationsOf(view))
          for (const { ways_out } of held) expect(ways_out).not.toEqual([]);
      }),
      RUNS,
    );
  });
});

describe('the states', () => {
  it('do not contradict those of the daemon', () => {
    fc.assert(
      fc.property(arbitraryWorld, (input) => {
        const view = viewOfInput(input);
        const { entries } = overviewOf(view);
        const own = new Map(entries.map((entry) => [entry.name, entry]));
        const stored = new Map(
          [...input.observation.records].flatMap(([name, observed]) =>
            observed.kind === 'intact'
              ? [[name, { subscriptionId: null, createdAt: null, hasSecret: true }] as const]
              : [],
          ),
        );
        const nothingDone = { items: [], wasInterrupted: false };
        const daemons = entryStates(input.desired, view.plan, nothingDone, stored);
        expect([...own.keys()]).toEqual(daemons.map(({ name }) => name));
        for (const { name, state, guard, reason } of daemons) {
          if (state !== 'in_sync') expect(own.get(name)).toMatchObject({ state, guard, reason });
          else expect(own.get(name)?.guard).toBeNull();
        }
      }),
      { numRuns: 150 },
    );
  });
});
