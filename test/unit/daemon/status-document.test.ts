import { describe, expect, it } from 'vitest';
import { statusDocument } from '../../../src/daemon/status-document.ts';
import { entryStatus, freshStatus, NOON, quietStatus } from '../../support/daemon-status.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

describe('statusDocument', () => {
  it('says of a daemon that has just started that nothing is known yet', () => {
    expect(statusDocument(freshStatus(), NOON)).toEqual({
      format_version: '1.0',
      generated_at: '2026-03-01T12:00:00.000Z',
      started_at: '2026-03-01T11:00:00.000Z',
      config: { loaded: null, problem: null },
      pass: { is_running: false, last: null, last_success_at: null, consecutive_failures: 0, next_at: null },
      entries: [],
      foreign: 0,
      held: [],
      unstored: [],
      awaited: null,
    });
  });

  it('says everything about a daemon in trouble', () => {
    const status = quietStatus({
      config: {
        loaded: { contentHash: 'c0ffee', revision: 'abc123', entries: 2, at: NOON - 1_800_000 },
        problem: {
          message: 'cannot use subscriptions.yaml: 2 problems',
          problems: [
            {
              file: 'subscriptions.yaml',
              position: { line: 4, column: 2 },
              message: 'unknown key "target_ur"',
            },
            { file: 'subscriptions.yaml', message: 'is larger than 8 MiB' },
          ],
          since: NOON - 5000,
        },
      },
      pass: {
        isRunning: true,
        last: {
          result: 'incomplete',
          startedAt: NOON - 3000,
          endedAt: NOON - 2500,
          error: 'cannot PUT: 503',
        },
        lastPlanAt: NOON - 60_000,
        lastSuccessAt: NOON - 60_000,
        failures: 1,
        nextAt: null,
      },
      entries: [
        entryStatus('billing', {
          state: 'held',
          guard: 'unowned',
          reason: 'a live subscription has its URL',
          subscriptionId: null,
          secretCreatedAt: null,
        }),
        entryStatus('orders'),
      ],
      foreign: 3,
      held: [{ guard: 'account', reason: 'the key belongs to another account' }],
      unstored: ['orders'],
      awaited: ['billing', 'orders'],
    });

    expect(statusDocument(status, NOON)).toEqual({
      format_version: '1.0',
      generated_at: '2026-03-01T12:00:00.000Z',
      started_at: '2026-03-01T11:00:00.000Z',
      config: {
        loaded: {
          content_hash: 'c0ffee',
          revision: 'abc123',
          entries: 2,
          loaded_at: '2026-03-01T11:30:00.000Z',
        },
        problem: {
          message: 'cannot use subscriptions.yaml: 2 problems',
          since: '2026-03-01T11:59:55.000Z',
          problems: [
            { file: 'subscriptions.yaml', line: 4, column: 2, message: 'unknown key "target_ur"' },
            { file: 'subscriptions.yaml', line: null, column: null, message: 'is larger than 8 MiB' },
          ],
        },
      },
      pass: {
        is_running: true,
        last: {
          result: 'incomplete',
          started_at: '2026-03-01T11:59:57.000Z',
          ended_at: '2026-03-01T11:59:57.500Z',
          error: 'cannot PUT: 503',
        },
        last_success_at: '2026-03-01T11:59:00.000Z',
        consecutive_failures: 1,
        next_at: null,
      },
      entries: [
        {
          name: 'billing',
          state: 'held',
          guard: 'unowned',
          reason: 'a live subscription has its URL',
          subscription_id: null,
          secret_created_at: null,
        },
        {
          name: 'orders',
          state: 'in_sync',
          guard: null,
          reason: null,
          subscription_id: 'id-of-orders',
          secret_created_at: '2026-02-01T00:00:00.000Z',
        },
      ],
      foreign: 3,
      held: [{ guard: 'account', reason: 'the key belongs to another account' }],
      unstored: ['orders'],
      awaited: ['billing', 'orders'],
    });
  });

  it.each([
    [`cannot read "${SECRET}"`, 'cannot read "[secret]"'],
    ['token hvs.CAESIJ_abcdef-123 is not valid', 'token [secret] is not valid'],
    ['two\nlines\u001b[31m and \u202ehidden', 'two lines[31m and hidden'],
    ['cannot read the API key: permission denied', 'cannot read the API key: permission denied'],
  ])('covers what looks like a secret, in every message: %j', (message, shown) => {
    const document = statusDocument(
      quietStatus({
        config: {
          loaded: null,
          problem: { message, problems: [{ file: 'f.yaml', message }], since: NOON },
        },
        pass: {
          isRunning: false,
          last: { result: 'failed', startedAt: NOON, endedAt: NOON, error: message },
          lastPlanAt: null,
          lastSuccessAt: null,
          failures: 1,
          nextAt: NOON,
        },
        entries: [entryStatus('orders', { state: 'failed', reason: message })],
        held: [{ guard: 'account', reason: message }],
      }),
      NOON,
    );

    expect(document.config.problem?.message).toBe(shown);
    expect(document.config.problem?.problems[0]?.message).toBe(shown);
    expect(document.pass.last?.error).toBe(shown);
    expect(document.entries[0]?.reason).toBe(shown);
    expect(document.held[0]?.reason).toBe(shown);
  });
});
