/**
 * What people write today to see what would change: the official SDK, `yaml`, and a comparison by URL. Checks nothing,
 * remembers nothing.
 *
 *   node sdk-plan.mjs FILE
 */
import { readFileSync } from 'node:fs';
import LinqAPIV3 from '@linqapp/sdk';
import { parse } from 'yaml';

const { subscriptions: wanted } = parse(readFileSync(process.argv[2], 'utf8'));
const client = new LinqAPIV3();
const { subscriptions } = await client.webhookSubscriptions.list();
const live = new Map(subscriptions.map((one) => [one.target_url, one]));
const isSame = (a, b) => JSON.stringify([...(a ?? [])].sort()) === JSON.stringify([...(b ?? [])].sort());
let changes = 0;
for (const [name, entry] of Object.entries(wanted)) {
  const found = live.get(entry.target_url);
  live.delete(entry.target_url);
  if (found === undefined) console.log(`+ ${name}`);
  else if (!isSame(found.subscribed_events, entry.subscribed_events)) console.log(`~ ${name}`);
  else if (!isSame(found.phone_numbers, entry.phone_numbers)) console.log(`~ ${name}`);
  else continue;
  changes += 1;
}
for (const url of live.keys()) console.log(`? ${url}`);
console.log(`${changes} changes`);
