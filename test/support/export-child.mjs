/**
 * A process that publishes once, for tests that kill it. Arguments: the folder of the compiled program, the
 * export's folder, the step before which it kills itself (`never` for none; `write:3` for the third of a step),
 * and the records as `NAME=LETTER` pairs: an entry and the letter of its secret.
 *
 * Prints `done` when it came to its end.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [program, directory, killBefore, ...pairs] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(program, file)).href);
const { openExport } = await load('secrets/export/open-export.js');
const { emptyRecord } = await load('domain/record.js');
const { Secret } = await load('domain/secret.js');

const [step, count = '1'] = killBefore.split(':');
let left = Number(count);
const target = openExport({
  directory,
  mode: '0600',
  group: null,
  notify: null,
  sinkDirectory: null,
  env: {},
  userAgent: 'test',
  lingerMs: 1,
  onStep: async (now) => {
    if (now === step) left -= 1;
    if (left > 0) return;
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => {});
  },
});
const records = pairs.map((pair) => {
  const [name, letter] = pair.split('=');
  return {
    ...emptyRecord(name, 'default'),
    current: {
      subscription_id: `sub-${name}`,
      target_url: `https://hooks.example.com/${name}`,
      signing_secret: new Secret(`whsec_${Buffer.alloc(32, letter).toString('base64')}`),
      created_at: '2026-03-01T10:00:00.000Z',
    },
  };
});
await target.publish(records);
await target.close();
process.stdout.write('done');
