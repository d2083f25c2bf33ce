import type { Guard } from '../../src/domain/plan.ts';
import {
  ago,
  fields,
  foreign,
  installation,
  intent,
  live,
  OTHER,
  OWNER,
  stored,
  urlOf,
  type WorldSpec,
} from './world.ts';

export interface GuardWorld {
  readonly spec: WorldSpec;
  /** What `explain` is asked about. */
  readonly name: string;
  /** Part of the reason that is given. */
  readonly reason: string;
  /** The way out: a whole command, or words where no command helps. */
  readonly wayOut: { readonly command: string } | { readonly advice: string };
}

const LINE = '+12025550101';

/** For each guard a world in which it holds something. */
export const GUARD_WORLDS: Readonly<Record<Guard, GuardWorld>> = {
  account: {
    spec: {
      records: { orders: {} },
      live: [live('orders')],
      file: { orders: { subscribed_events: ['message.failed'] } },
      observation: {
        installation: installation(['line-1']),
        lines: [{ id: 'line-9', phone_number: LINE }],
      },
    },
    name: 'orders',
    reason: 'the key may be of another one',
    wayOut: { command: 'linq-gitops sync --allow account' },
  },
  paused: {
    spec: {
      file: { orders: { subscribed_events: ['message.failed'] } },
      records: { orders: {} },
      live: [live('orders')],
      observation: {
        installation: {
          ...installation(),
          pauses: [{ owner: OWNER, name: 'orders', until: null, reason: null }],
        },
      },
    },
    name: 'orders',
    reason: 'paused',
    wayOut: { command: 'linq-gitops resume orders' },
  },
  'in-flight': {
    spec: {
      file: { orders: {} },
      records: { orders: { current: null, intent: intent('orders', { deadline: ago(-1) }) } },
    },
    name: 'orders',
    reason: 'process 2 on there is creating it',
    wayOut: { advice: 'wait' },
  },
  record: {
    spec: { file: { orders: {} }, records: { orders: { kind: 'newer', schema: 2 } } },
    name: 'orders',
    reason: 'its record has schema 2, of a newer version',
    wayOut: { advice: 'run the newer version' },
  },
  'suspicious-list': {
    spec: { file: { orders: {}, billing: {} }, records: { orders: {}, billing: {} } },
    name: 'orders',
    reason: '2 of 2 owned subscriptions are gone from the account',
    wayOut: { command: 'linq-gitops sync --allow suspicious-list' },
  },
  'bad-file': {
    spec: { settled: ['billing'], records: { orders: {} }, live: [live('orders')], isFileBad: true },
    name: 'orders',
    reason: 'the file as it stands now cannot be used',
    wayOut: { advice: 'mend the file' },
  },
  'stale-file': {
    spec: {
      file: { orders: { subscribed_events: ['message.failed'] } },
      records: {
        orders: {
          applied_from: { content_hash: 'another', revision: null, holder: OTHER, server_time: ago(5_000) },
        },
      },
      live: [live('orders')],
    },
    name: 'orders',
    reason: 'process 2 on there applied it from another version of the file',
    wayOut: { command: 'linq-gitops sync --allow stale-file:orders' },
  },
  deletes: {
    spec: {
      settled: ['billing'],
      records: { orders: {}, legacy: {} },
      live: [live('orders'), live('legacy')],
    },
    name: 'orders',
    reason: '2 deletes are more than policy.max_deletes lets through (1 of 3 owned)',
    wayOut: { command: 'linq-gitops sync --allow deletes' },
  },
  protected: {
    spec: {
      settled: ['billing'],
      records: { orders: { prevent_destroy: true } },
      live: [live('orders')],
    },
    name: 'orders',
    reason: 'it was declared with prevent_destroy',
    wayOut: { command: 'linq-gitops sync --allow protected:orders' },
  },
  widen: {
    spec: {
      file: { orders: {} },
      records: { orders: { applied: fields('orders', { phone_numbers: [LINE] }) } },
      live: [live('orders', { phone_numbers: [LINE] })],
    },
    name: 'orders',
    reason: '1 line → every line',
    wayOut: { command: 'linq-gitops sync --allow widen:orders' },
  },
  drift: {
    spec: {
      file: { orders: {} },
      records: { orders: {} },
      live: [live('orders', { subscribed_events: ['message.failed'] })],
      policy: { drift: 'report' },
    },
    name: 'orders',
    reason: 'it was changed outside, and policy.drift is report',
    wayOut: { command: 'linq-gitops sync --allow drift:orders' },
  },
  fight: {
    spec: {
      file: { orders: {} },
      records: { orders: {} },
      live: [live('orders', { subscribed_events: ['message.failed'] })],
      fights: ['orders subscribed_events'],
    },
    name: 'orders',
    reason: 'somebody changes it back again and again',
    wayOut: { advice: 'find out who does' },
  },
  unowned: {
    spec: { file: { crm: {} }, live: [foreign('crm')] },
    name: 'crm',
    reason: 'the subscription foreign-crm is live at its URL',
    wayOut: { command: 'linq-gitops adopt crm --replace' },
  },
  ambiguous: {
    spec: { file: { crm: {} }, live: [foreign('crm'), foreign('crm', { id: 'second' })] },
    name: 'crm',
    reason: '2 subscriptions that are not ours have its URL',
    wayOut: { command: 'linq-gitops adopt crm --id second --secret-file FILE' },
  },
  'secret-loss': {
    spec: {
      file: { orders: {} },
      records: { orders: { current: stored('orders', { signing_secret: null }) } },
      live: [live('orders')],
    },
    name: 'orders',
    reason: 'its secret is missing in the sink',
    wayOut: { command: 'linq-gitops sync --allow secret-loss:orders' },
  },
  'url-taken': {
    spec: {
      file: { orders: { target_url: urlOf('crm') } },
      records: { orders: {} },
      live: [live('orders'), foreign('crm')],
    },
    name: 'orders',
    reason: 'the URL belongs to the subscription foreign-crm',
    wayOut: { advice: 'free the URL' },
  },
  depends: {
    spec: {
      file: { orders: { target_url: urlOf('billing') }, billing: { target_url: urlOf('new') } },
      records: {
        orders: {},
        billing: { applied: fields('billing', { phone_numbers: [LINE] }) },
      },
      live: [live('orders'), live('billing', { phone_numbers: [LINE] })],
    },
    name: 'orders',
    reason: 'it waits for "update billing", which is held',
    wayOut: { command: 'linq-gitops sync --allow widen:billing' },
  },
};
