/**
 * A receiver that reads an export as fast as it can, until its stdin ends. Arguments: the folder, and the names
 * of entries that are always there. Needs nothing but Node, so that it can run as a user who sees nothing else.
 *
 * Prints `reading` at its start. Ends with a JSON object: how often it has read, how many different secrets it
 * has seen, and everything that was missing, torn or unlike the rest.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

const [directory, ...names] = process.argv.slice(2);
const SECRET = /^whsec_[A-Za-z0-9+/]{43}=$/;
const faults = [];
const seen = new Set();
let reads = 0;
let isOver = false;
process.stdin.on('data', () => {}).on('end', () => (isOver = true));

function check(condition, what) {
  if (!condition && faults.length < 10) faults.push(what);
}

/** As a receiver does for each delivery: by the visible path, opened anew. */
function readOne(name) {
  const secret = readFileSync(join(directory, name, 'signing_secret'), 'utf8');
  check(SECRET.test(secret), `torn: ${name}/signing_secret has ${secret.length} characters`);
  const id = readFileSync(join(directory, name, 'subscription_id'), 'utf8');
  check(id === `sub-${name}`, `torn: ${name}/subscription_id is ${JSON.stringify(id)}`);
  seen.add(secret);
}

/** The list by itself: every entry, each with a whole secret. */
function readList() {
  const list = JSON.parse(readFileSync(join(directory, 'subscriptions.json'), 'utf8'));
  for (const name of names) {
    check(SECRET.test(list[`sub-${name}`]?.signing_secret ?? ''), `torn: no ${name} in the list`);
  }
}

/** Everything of one moment: files and list agree. */
function readMoment() {
  const moment = realpathSync(join(directory, '..data'));
  const list = JSON.parse(readFileSync(join(moment, 'subscriptions.json'), 'utf8'));
  for (const name of names) {
    const secret = readFileSync(join(moment, name, 'signing_secret'), 'utf8');
    check(list[`sub-${name}`]?.signing_secret === secret, `mixed: ${name} and the list differ`);
  }
}

function turn() {
  try {
    for (const name of names) readOne(name);
    readList();
    readMoment();
    reads += 1;
  } catch (error) {
    check(false, `${error.code ?? error.name}: ${error.message}`);
  }
  if (isOver || faults.length >= 10) {
    process.stdout.write(JSON.stringify({ reads, secrets: seen.size, faults }));
    process.exit(0);
  }
  setImmediate(turn);
}

process.stdout.write('reading\n');
turn();
