import { expect, test } from 'vitest';
import type { Switches } from '../../../src/emulator/switches.ts';
import { checkForeign, checkPromises } from '../../support/account-checks.ts';
import { openStage, putFile, runUntilDone, truthOf } from '../../support/stage.ts';

const AT = (path: string) => ({
  target_url: `https://hooks.example.com/${path}?version=2026-02-03`,
  subscribed_events: ['message.received', 'message.failed'],
});
const CRM = {
  target_url: 'https://crm.example.net/hooks/linq?version=2025-01-01',
  subscribed_events: ['message.received', 'message.failed'],
  phone_numbers: ['+12025550103'],
};

/** Every position of every switch, against the likely ones of all others. */
const POSITIONS: readonly Partial<Switches>[] = [
  {},
  { duplicate: '400/1005' },
  { notFound: 2001 },
  { clearedFilter: 'empty' },
  { clearedFilter: 'absent' },
  { listOrder: 'shuffled' },
  { extraFields: true },
  { inactiveHoldsUrl: false },
  { normalisesUrls: true },
  { routingFields: 'absent' },
  { timestampPrecision: 'ms' },
  { timestampPrecision: 'ns' },
  { allowDuplicates: true },
  { createdAt: 'absent' },
  { arrays: 'sorted' },
];

test.each(POSITIONS.map((switches) => [switches] as const))(
  'I1 to I4: create, update, clear, rename, delete and adopt work where the API has %j',
  async (switches) => {
    const stage = await openStage({ switches });
    const crm = stage.foreign.find(({ target_url }) => target_url === CRM.target_url);
    await stage.declare({
      all: { ...AT('all'), phone_numbers: ['+12025550102', '+12025550101'], routing_key_header: 'X-Key' },
      narrow: {
        ...AT('narrow'),
        target_url: 'https://HOOKS.example.com/a/../narrow?version=1',
        phone_numbers: ['+12025550101'],
      },
      old: { ...AT('renamed'), is_active: false },
      gone: AT('gone'),
      crm: CRM,
    });
    // All but the one whose URL is live.
    expect((await stage.run(['sync'])).code).toBe(3);
    const secret = await putFile(stage, 'given/crm', `${crm?.signing_secret ?? ''}\n`);
    const adopted = await stage.run(['adopt', 'crm', '--secret-file', secret]);
    expect(adopted.code, adopted.stderr).toBe(0);
    checkForeign(stage);

    await stage.declare({
      all: {
        target_url: 'https://hooks.example.com/everything?version=2026-02-03',
        subscribed_events: ['reaction.added', 'message.received'],
        phone_numbers: ['+12025550103'],
        is_active: false,
        routing_key_header: 'X-Other',
        routing_id_header: 'X-Chat',
      },
      narrow: {
        ...AT('narrow'),
        target_url: 'https://HOOKS.example.com/a/../narrow?version=1',
        phone_numbers: 'all',
      },
      renamed: { ...AT('renamed'), is_active: true, previously: ['old'] },
      // The URL that is freed in the same pass.
      fresh: AT('gone'),
      crm: CRM,
    });
    const codes = await runUntilDone(stage, ['sync', '--allow', 'widen:narrow']);
    expect(codes).toEqual([0]);
    const live = truthOf(stage.emulator);
    const everything = live.find(({ target_url }) => target_url.includes('everything'));
    expect(everything).toMatchObject({
      is_active: false,
      phone_numbers: ['+12025550103'],
      routing_key_header: 'X-Other',
      routing_id_header: 'X-Chat',
    });
    expect(live.find(({ target_url }) => target_url.includes('narrow'))).toMatchObject({
      phone_numbers: null,
    });
    await checkPromises({ ...stage, foreign: stage.foreign.filter(({ id }) => id !== crm?.id) });
  },
);
