import { describe, expect, it, test } from 'vitest';
import { ago, intent, live, markedUrl, ME, outline, plan, type WorldSpec } from '../../support/world.ts';

/** An entry whose creation was begun; `half` is what the POST made. */
function begun(own: object, others: WorldSpec = {}): WorldSpec {
  return { ...others, file: { orders: {} }, records: { orders: { current: null, ...own } } };
}

const half = live('orders', { id: 'half', target_url: markedUrl('orders') });

describe('an unfinished creation', () => {
  test.each([
    { reason: 'its deadline has passed', own: { intent: intent('orders', { deadline: ago(1) }) } },
    {
      reason: 'its holder runs no more',
      own: { intent: intent('orders', { deadline: ago(-60_000) }), isIntentAbandoned: true },
    },
  ])('is recovered once $reason, and then created', ({ own }) => {
    const { operations, held } = plan(begun(own, { live: [half] }));
    expect(held).toEqual([]);
    expect(operations).toMatchObject([
      { key: 'recover orders', subscription_id: 'half', secret: 'none' },
      { key: 'create orders', after: ['recover orders'] },
    ]);
  });

  it('is in flight until the very end of its deadline', () => {
    const deadline = ago(0);
    const { operations, held } = plan(begun({ intent: intent('orders', { deadline }) }));
    expect(operations).toEqual([]);
    expect(held).toMatchObject([
      {
        name: 'orders',
        guard: 'in-flight',
        reason: `process 2 on there is creating it, until ${deadline} at the latest`,
        letThrough: null,
        operation: { key: 'recover orders' },
      },
    ]);
  });

  it('is recovered although nothing is live at its marked URL', () => {
    const { operations } = plan(begun({ intent: intent('orders', { holder: ME }) }));
    expect(operations).toMatchObject([{ key: 'recover orders', subscription_id: null }, { kind: 'create' }]);
  });

  it('is found by its mark, whatever else became of the URL', () => {
    const moved = live('x', { id: 'half', target_url: `${markedUrl('orders')}&more=1` });
    const { operations } = plan(begun({ intent: intent('orders') }, { live: [moved] }));
    expect(operations[0]).toMatchObject({ key: 'recover orders', subscription_id: 'half' });
  });

  it('names nothing to delete where its own URL lost the mark', () => {
    const odd = intent('orders', { marked_url: 'https://hooks.example.com/plain' });
    const { operations } = plan(begun({ intent: odd }, { live: [half] }));
    expect(operations[0]).toMatchObject({ key: 'recover orders', subscription_id: null });
  });

  it('beside a current subscription keeps its secret', () => {
    const outcome = plan({
      file: { orders: {} },
      records: { orders: { intent: intent('orders') } },
      live: [live('orders'), half],
    });
    expect(outcome.operations).toMatchObject([
      { key: 'recover orders', subscription_id: 'half', secret: 'kept' },
    ]);
  });

  it('is let through by no flag while it is in flight', () => {
    const spec = begun({ intent: intent('orders', { deadline: ago(-1) }) });
    const outcome = plan({ ...spec, allow: ['in-flight', 'in-flight:orders'] });
    expect(outline(outcome)).toEqual({ does: [], holds: ['in-flight: recover orders'] });
  });
});
