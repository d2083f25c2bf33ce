import { ConfigError } from '../domain/errors.ts';
import { isLoopback } from '../domain/loopback.ts';

/** `url` as it may be shown: origin and path. Userinfo, query and fragment can hold secrets. */
export function describeUrl(url: string | URL): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/**
 * The address of a service that is going to be sent a credential: https, or http on loopback; without
 * userinfo, query and fragment. Anything else is a `ConfigError` that names `setting`.
 */
export function assertSecureUrl(text: string, setting: string): URL {
  if (!URL.canParse(text)) throw new ConfigError(`cannot use ${setting}: it is not a URL`);
  const url = new URL(text);
  const shown = describeUrl(url);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new ConfigError(`cannot use ${setting}: it must begin with https://`);
  }
  if (url.protocol === 'http:' && !isLoopback(url)) {
    throw new ConfigError(
      `cannot use ${setting} "${shown}": the key would travel unencrypted`,
      [],
      'write https://; http is for loopback only',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new ConfigError(`cannot use ${setting} "${shown}": it contains a user name or password`);
  }
  if (url.search !== '' || url.hash !== '') {
    throw new ConfigError(`cannot use ${setting} "${shown}": it contains a query or a fragment`);
  }
  return url;
}
