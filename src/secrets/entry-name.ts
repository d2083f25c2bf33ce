import { SinkError } from '../domain/errors.ts';
import { INSTALLATION_NAME } from '../domain/record.ts';

const NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;

/** Whether `name` can be an entry's name; `_installation` is not one. */
export function isEntryName(name: string): boolean {
  return NAME.test(name);
}

/** Refuses what is neither an entry's name nor `_installation`, before it becomes part of a path. */
export function requireName(name: string): void {
  if (!isEntryName(name) && name !== INSTALLATION_NAME) {
    throw new SinkError(`cannot use the name ${JSON.stringify(name)}: it is not a valid entry name`);
  }
}

/** Refuses `_installation` too: it is no entry. */
export function requireEntryName(name: string): void {
  requireName(name);
  if (!isEntryName(name)) throw new SinkError(`cannot use the name "${name}" for an entry: it is reserved`);
}
