import type { Settings } from '../../src/domain/settings.ts';
import { LANDING_TIME } from './model-world.ts';

/** What every process of a history, and of a bench, runs with. */
export const SETTINGS: Settings = {
  owner: 'default',
  subscriptions: 'subscriptions.yaml',
  api: {
    base_url: 'https://api.example.com',
    key_file: null,
    timeout: LANDING_TIME / 4,
    concurrency: 2,
  },
  secrets: {
    sink: 'file',
    store_timeout: 4_000,
    file: { directory: 'secrets', ephemeral: false },
    export: null,
  },
  policy: {
    prune: 'owned',
    unowned: 'hold',
    drift: 'revert',
    max_deletes: { share: 0.25 },
    allow: [],
    retire: 0,
    ignore: [],
  },
  replace: { overlap: 10_000, keep_previous: 30_000, at_once: 2 },
  daemon: { interval: 20_000, jitter: 0.1, listen: { host: '127.0.0.1', port: 0 } },
};
