import { expect, test } from 'vitest';
import { openStage, truthOf, type Stage } from '../../support/stage.ts';

const at = (...events: readonly string[]) => ({
  target_url: 'https://hooks.example.com/orders?version=2026-02-03',
  subscribed_events: events,
});

function eventsOf(stage: Stage): readonly string[] | undefined {
  return truthOf(stage.emulator).find(({ target_url }) => target_url.includes('/orders'))?.subscribed_events;
}

/** With a Vault, the daemon remembers records between its passes. */
test.each(['file', 'vault'] as const)(
  'a pause and its end by another process take effect in a daemon that runs, with records in a %s',
  async (sink) => {
    const stage = await openStage({ sink, entries: { orders: at('message.received') } });
    const daemon = stage.start(['run'], {
      env: { LINQ_GITOPS_DAEMON_INTERVAL: '1s', LINQ_GITOPS_DAEMON_LISTEN: '127.0.0.1:0' },
    });
    await daemon.said('"event":"operation_done"');
    expect(await stage.run(['pause', 'orders'])).toMatchObject({ code: 0 });
    await stage.declare({ orders: at('message.failed') });
    await daemon.said('"event":"held"');
    expect(daemon.output().stderr).toContain('linq-gitops resume orders');
    expect(eventsOf(stage)).toEqual(['message.received']);
    expect(await stage.run(['resume'])).toMatchObject({ code: 0 });
    await daemon.said('"event":"released"');
    await daemon.said('"reason":"changed-in-file"');
    daemon.kill('SIGTERM');
    expect(await daemon.done).toMatchObject({ code: 0 });
    expect(eventsOf(stage)).toEqual(['message.failed']);
  },
);
