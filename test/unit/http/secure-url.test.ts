import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/domain/errors.ts';
import { assertSecureUrl, describeUrl } from '../../../src/http/secure-url.ts';

describe('assertSecureUrl', () => {
  it.each([
    'https://api.linqapp.com/api/partner',
    'https://vault.internal:8200',
    'http://localhost:4010',
    'http://127.0.0.1:4010/api',
    'http://127.1:4010',
    'http://[::1]:4010',
    'https://localhost',
  ])('accepts %s', (url) => {
    expect(assertSecureUrl(url, 'api.base_url').href).toBe(new URL(url).href);
  });

  it.each([
    ['http://api.linqapp.com', 'the key would travel in the clear'],
    ['http://127.0.0.1.example.com', 'only looks like loopback'],
    ['http://localhost.example.com', 'only looks like loopback'],
    ['http://10.0.0.5', 'a private network is not this machine'],
    ['ftp://api.linqapp.com', 'another protocol'],
    ['file:///etc/passwd', 'another protocol'],
    ['api.linqapp.com', 'no protocol'],
    ['', 'nothing'],
    ['https://user:hunter2@api.linqapp.com', 'credentials'],
    ['https://api.linqapp.com?token=hunter2', 'a query'],
    ['https://api.linqapp.com#hunter2', 'a fragment'],
  ])('refuses %s: %s', (url) => {
    const error = refusal(() => assertSecureUrl(url, 'api.base_url'));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toHaveProperty('message', expect.stringContaining('api.base_url'));
    expect(String(error)).not.toContain('hunter2');
  });
});

it('describes a URL without what may be secret in it', () => {
  expect(describeUrl('https://user:pw@example.com:8443/a/b?token=1#x')).toBe('https://example.com:8443/a/b');
});

function refusal(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
