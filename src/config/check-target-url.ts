import { isIgnored, markOf, parseUrl } from '../domain/target-url.ts';
import type { Words } from './words.ts';

/** Payload formats are dated; this is the newest that Linq documents (reference of webhook events, 2026). */
const NEWEST_PAYLOAD = 'version=2026-02-03';

/**
 * Why Linq should not be told to deliver to `url`; undefined where nothing is wrong. The words never repeat
 * the URL, which may hold credentials.
 */
export function checkTargetUrl(url: string): Words | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (url.trim() === '') return { message: '`target_url` is empty' };
  if (scheme === 'http') {
    return {
      message: '`target_url` must begin with https://: Linq delivers to nothing else',
      suggestion: `https${safeRest(url.slice(4))}`,
    };
  }
  if (scheme === undefined && /^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?(\/|\?|$)/i.test(url)) {
    return { message: '`target_url` must begin with https://', suggestion: `https://${safeRest(url)}` };
  }
  if (scheme !== 'https') return { message: '`target_url` is not a URL that begins with https://' };
  if (/[\s\\]/.test(url)) return { message: '`target_url` has a space, a line break or a backslash in it' };
  const parsed = parseUrl(url);
  return parsed ? checkParts(url, parsed) : { message: '`target_url` is not a valid URL' };
}

function checkParts(url: string, parsed: URL): Words | undefined {
  if (parsed.username !== '' || parsed.password !== '') {
    return {
      message:
        '`target_url` has credentials in it (`user:password@`); deliveries are verified by their signature instead',
    };
  }
  if (url.includes('#')) {
    return {
      message: '`target_url` has a fragment (`#…`), which is never sent',
      suggestion: url.slice(0, url.indexOf('#')),
    };
  }
  if (isIgnored(parsed.href, [])) {
    return { message: "the host webhook.linqapp.com is Linq's own and never managed" };
  }
  if (markOf(url) !== undefined) {
    return {
      message:
        '`target_url` has the parameter `linq_gitops`, which marks unfinished subscriptions and is reserved',
    };
  }
  return undefined;
}

/** What to write for a URL that does not pin the format of its payload; undefined for one that does. */
export function pinnedUrl(url: string): string | undefined {
  const { searchParams } = new URL(url);
  if ((searchParams.get('version') ?? '') !== '') return undefined;
  if (searchParams.has('version'))
    return url.replace(/([?&]version)=?(?=&|$)/, `$1=${NEWEST_PAYLOAD.slice(8)}`);
  return `${url}${!url.includes('?') ? '?' : /[?&]$/.test(url) ? '' : '&'}${NEWEST_PAYLOAD}`;
}

/** A suggestion must not repeat credentials. */
function safeRest(rest: string): string {
  return rest.replace(/^(:\/\/)?[^/?#]*@/, '$1');
}
