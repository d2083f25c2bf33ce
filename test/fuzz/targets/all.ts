import type { Target } from '../target.ts';
import { cli } from './cli.ts';
import { endpoints } from './endpoints.ts';
import { linqTargets } from './linq.ts';
import { PLANTED } from './planted.ts';
import { installation, record } from './record.ts';
import { settings } from './settings.ts';
import { subscriptions } from './subscriptions.ts';
import { vaultTargets } from './vault.ts';

/** Every input of the program that others write. */
export const TARGETS: readonly Target[] = [
  subscriptions,
  settings,
  ...linqTargets,
  ...vaultTargets,
  record,
  installation,
  endpoints,
  cli,
];

/** The target of this name; those with a planted bug are among them. */
export function targetNamed(name: string): Target {
  const target = [...TARGETS, ...PLANTED].find((one) => one.name === name);
  if (target !== undefined) return target;
  throw new Error(`there is no target ${name}; there are: ${TARGETS.map((one) => one.name).join(', ')}`);
}
