import { isLoopback } from '../domain/loopback.ts';
import type { Words } from './words.ts';

/**
 * Why `url` cannot be the address of a service; undefined where it can. Addresses are https, except on
 * loopback, and have no credentials, query or fragment. The words never repeat the URL.
 */
export function checkServiceUrl(name: string, url: string): Words | undefined {
  const refuse = (why: string): Words => ({ message: `\`${name}\` ${why}` });
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url))
    return refuse('must be a URL that begins with https://');
  if (/[\s\\]/.test(url)) return refuse('has a space or a backslash in it');
  const parsed = new URL(url);
  if (parsed.username !== '' || parsed.password !== '')
    return refuse('has credentials in it; the key is sent in a header');
  if (url.includes('?') || url.includes('#')) return refuse('must have no query and no fragment');
  if (parsed.protocol !== 'https:' && !isLoopback(url)) {
    return {
      ...refuse('must begin with https://: only on loopback is http safe'),
      suggestion: `https${url.slice(4)}`,
    };
  }
  return undefined;
}

/** A service's address in one form: as the URL standard writes it, without a trailing slash. */
export function serviceUrl(url: string): string {
  return new URL(url).href.replace(/\/+$/, '');
}
