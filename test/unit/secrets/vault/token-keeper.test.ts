import { expect, it, describe } from 'vitest';
import { SinkError } from '../../../../src/domain/errors.ts';
import { Secret } from '../../../../src/domain/secret.ts';
import type { IssuedToken } from '../../../../src/secrets/vault/login.ts';
import { createTokenKeeper, type TokenKeeper } from '../../../../src/secrets/vault/token-keeper.ts';
import type { VaultCall, VaultReply } from '../../../../src/secrets/vault/vault-client.ts';

const START = 1_000_000;
const NO_ANSWER = new SinkError('cannot log in to Vault: no answer');
const REFUSED = new SinkError('cannot log in to Vault: status 400', { cause: new SinkError('status 400') });

/** A keeper of tokens `t1`, `t2`, … on a clock that stands still, and a server that does as it is told. */
interface Rig {
  readonly keeper: TokenKeeper;
  /** `acquire` and `renew`, in order. */
  readonly calls: string[];
  /** The requests of the renewals. */
  readonly renewals: VaultCall[];
  time: number;
  stamp: string | undefined;
  ttlMs: number | null;
  isRenewable: boolean;
  /** Instead of another token. */
  login: (() => Promise<IssuedToken>) | null;
  renewal: () => Promise<VaultReply>;
  /** The token to use now, or the message of the failure. */
  token(): Promise<string>;
}

function makeRig(options: { isLogin?: boolean; random?: number } = {}): Rig {
  const { isLogin = true, random = 0 } = options;
  let issued = 0;
  const rig: Rig = {
    keeper: createTokenKeeper({
      client: {
        call(call) {
          rig.calls.push('renew');
          rig.renewals.push(call);
          return rig.renewal();
        },
        hide: () => undefined,
        close: () => Promise.resolve(),
      },
      source: {
        isLogin,
        namespace: 'team',
        stamp: () => Promise.resolve(rig.stamp),
        acquire() {
          rig.calls.push('acquire');
          if (rig.login !== null) return rig.login();
          const token = new Secret(`t${(issued += 1)}`);
          return Promise.resolve({ token, ttlMs: rig.ttlMs, isRenewable: rig.isRenewable });
        },
      },
      now: () => rig.time,
      random: () => random,
    }),
    calls: [],
    renewals: [],
    time: START,
    stamp: undefined,
    ttlMs: 90_000,
    isRenewable: false,
    login: null,
    renewal: () => Promise.reject(NO_ANSWER),
    token: () =>
      rig.keeper.current().then(
        (token) => token.reveal(),
        (error: unknown) => String(error),
      ),
  };
  return rig;
}

const renewed = (seconds: number): Promise<VaultReply> =>
  Promise.resolve({
    kind: 'ok',
    body: { auth: { client_token: 't1', lease_duration: seconds, renewable: true } },
  });
const refuse = (): Promise<VaultReply> =>
  Promise.resolve({
    kind: 'refused',
    answer: { status: 403, body: undefined, errors: [], warnings: [], redirect: undefined },
    error: new SinkError('no'),
  });

/** Uses the token at each time from the start, in ms; gives what was used and what it took. */
async function useAt(rig: Rig, times: readonly number[]): Promise<readonly string[]> {
  const used: string[] = [];
  for (const at of times) {
    rig.time = START + at;
    const before = rig.calls.length;
    const token = await rig.token();
    used.push([token, ...rig.calls.slice(before)].join(' '));
  }
  return used;
}

describe('a token', () => {
  it('is replaced from two thirds of its life on, and one that never ends is kept', async () => {
    expect(await useAt(makeRig(), [0, 59_999, 60_000])).toEqual(['t1 acquire', 't1', 't2 acquire']);
    const rig = makeRig();
    rig.ttlMs = null;
    expect(await useAt(rig, [0, 1e12])).toEqual(['t1 acquire', 't1']);
  });

  it('is renewed while its life grows, and replaced where it hardly grew or the server refuses', async () => {
    const rig = makeRig();
    rig.isRenewable = true;
    rig.renewal = () => renewed(90);
    expect(await useAt(rig, [0, 60_000, 119_999])).toEqual(['t1 acquire', 't1 renew', 't1']);
    expect(rig.renewals).toMatchObject([{ path: 'auth/token/renew-self', namespace: 'team' }]);
    expect(rig.renewals[0]?.token?.reveal()).toBe('t1');
    // Half of the life that it was issued with is still enough.
    rig.renewal = () => renewed(45);
    expect(await useAt(rig, [120_000])).toEqual(['t1 renew']);
    rig.renewal = () => renewed(44);
    expect(await useAt(rig, [150_000])).toEqual(['t2 renew acquire']);
    rig.renewal = refuse;
    expect(await useAt(rig, [210_000])).toEqual(['t3 renew acquire']);
  });

  it('is kept for good where a renewal says that it never ends', async () => {
    const rig = makeRig();
    rig.isRenewable = true;
    rig.renewal = () => renewed(0);
    expect(await useAt(rig, [0, 60_000, 1e12])).toEqual(['t1 acquire', 't1 renew', 't1']);
  });

  it('is not renewed once its life has ended', async () => {
    const rig = makeRig();
    rig.isRenewable = true;
    rig.renewal = () => renewed(90);
    expect(await useAt(rig, [0, 90_000])).toEqual(['t1 acquire', 't2 acquire']);
  });

  it('stays in use to its end where no other can be had; tried again a third of the rest later', async () => {
    const rig = makeRig();
    await rig.token();
    rig.login = () => Promise.reject(NO_ANSWER);
    expect(await useAt(rig, [60_000, 69_999, 70_000])).toEqual(['t1 acquire', 't1', 't1 acquire']);
    // Near the end not more often than once in a second.
    expect(await useAt(rig, [88_500, 89_499, 89_500])).toEqual(['t1 acquire', 't1', 't1 acquire']);
    expect(await useAt(rig, [90_000])).toEqual(['t1']);
    expect(await useAt(rig, [90_500])).toEqual([`${String(NO_ANSWER)} acquire`]);
    rig.login = null;
    expect(await useAt(rig, [90_501])).toEqual(['t2 acquire']);
  });

  it('is not used beyond its end, to the millisecond', async () => {
    const rig = makeRig();
    await rig.token();
    rig.login = () => Promise.reject(NO_ANSWER);
    expect(await useAt(rig, [90_000])).toEqual([`${String(NO_ANSWER)} acquire`]);
  });

  it('is kept through no failure but one of the server', async () => {
    const rig = makeRig();
    await rig.token();
    rig.login = () => Promise.reject(new RangeError('a bug'));
    rig.time += 60_000;
    await expect(rig.keeper.current()).rejects.toThrow(RangeError);
  });

  it('is read again where its file changed, and not where the file cannot be seen for a moment', async () => {
    const rig = makeRig({ isLogin: false });
    rig.isRenewable = true;
    rig.stamp = 'first';
    expect(await useAt(rig, [0, 1])).toEqual(['t1 acquire', 't1']);
    rig.stamp = undefined;
    expect(await useAt(rig, [2])).toEqual(['t1']);
    rig.stamp = 'second';
    // Even where it is due: the one from before is not renewed.
    expect(await useAt(rig, [60_000, 60_001])).toEqual(['t2 acquire', 't2']);
  });
});

describe('after a refused request', () => {
  it('another token is tried at once, and then not for 30 seconds', async () => {
    const rig = makeRig();
    const first = await rig.keeper.current();
    const second = await rig.keeper.replace(first);
    expect(second?.reveal()).toBe('t2');
    expect(await rig.token()).toBe('t2');
    // Whoever comes with the first gets what is there.
    expect((await rig.keeper.replace(first))?.reveal()).toBe('t2');
    rig.time += 29_999;
    expect(await rig.keeper.replace(second!)).toBeUndefined();
    rig.time += 1;
    expect((await rig.keeper.replace(second!))?.reveal()).toBe('t3');
    expect(rig.calls).toEqual(['acquire', 'acquire', 'acquire']);
  });

  it('another one is got, though the refused one is just being renewed', async () => {
    const rig = makeRig();
    rig.isRenewable = true;
    const refused = await rig.keeper.current();
    const begun = new Promise<(reply: VaultReply) => void>((hasBegun) => {
      rig.renewal = () => new Promise((resolve) => hasBegun(resolve));
    });
    rig.time += 60_000;
    const current = rig.keeper.current();
    const finish = await begun;
    const other = rig.keeper.replace(refused);
    finish(await renewed(90));
    expect((await current).reveal()).toBe('t1');
    expect((await other)?.reveal()).toBe('t2');
  });

  it('one is got where none was held', async () => {
    const rig = makeRig();
    expect((await rig.keeper.replace(new Secret('from before')))?.reveal()).toBe('t1');
  });
});

describe('a refused login', () => {
  it.each([
    { random: 0, pauses: [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000] },
    { random: 0.5, pauses: [750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500] },
  ])('is followed by a pause that grows: $pauses', async ({ random, pauses }) => {
    const rig = makeRig({ random });
    rig.login = () => Promise.reject(REFUSED);
    let sent = 0;
    for (const pause of pauses) {
      expect(await rig.token()).toBe(String(REFUSED));
      sent += 1;
      rig.time += pause - 1;
      // Those who come meanwhile share the failure.
      expect(await rig.token()).toBe(String(REFUSED));
      expect(rig.calls).toHaveLength(sent);
      rig.time += 1;
    }
  });

  it('is forgotten by one that succeeds', async () => {
    const rig = makeRig();
    const failing = () => Promise.reject(REFUSED);
    rig.login = failing;
    await rig.token();
    rig.time += 500;
    await rig.token();
    rig.time += 1_000;
    rig.login = null;
    expect(await rig.token()).toBe('t1');
    rig.login = failing;
    rig.time += 90_000;
    await rig.token();
    rig.time += 500;
    await rig.token();
    expect(rig.calls).toHaveLength(5);
  });

  it('is not paused after where there was no answer at all, nor where a token is only read', async () => {
    for (const [rig, error] of [
      [makeRig(), NO_ANSWER],
      [makeRig({ isLogin: false }), REFUSED],
    ] as const) {
      rig.login = () => Promise.reject(error);
      expect(await rig.token()).toBe(String(error));
      rig.login = null;
      expect(await rig.token()).toBe('t1');
    }
  });
});
