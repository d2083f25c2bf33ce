import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/domain/errors.ts';
import { openApiKey, type ApiKey } from '../../../src/linq/api-key.ts';

let folder = '';
let path = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'api-key-'));
  path = join(folder, 'key');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function keyOf(apiKey: ApiKey): Promise<string> {
  return (await apiKey.current()).reveal();
}

async function refusalOf(apiKey: ApiKey): Promise<ConfigError> {
  const error: unknown = await apiKey.current().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  return error as ConfigError;
}

describe('the key in the environment', () => {
  it('is trimmed, and never another one', async () => {
    const apiKey = openApiKey({ keyFile: null, env: { LINQ_API_V3_API_KEY: ' key-1\n' } });
    expect(await keyOf(apiKey)).toBe('key-1');
    expect(await apiKey.refresh()).toBe(false);
  });

  it.each([undefined, '', ' \n', 'two words', 'a\u0007b', 'k\u00e9y'])(
    'is refused where it is %j',
    async (value) => {
      const error = await refusalOf(openApiKey({ keyFile: null, env: { LINQ_API_V3_API_KEY: value } }));
      expect(error.exitCode).toBe(78);
      expect(error.hint).toContain('LINQ_API_V3_API_KEY');
      expect(error.hint).toContain('api.key_file');
    },
  );
});

describe('the key in a file', () => {
  it('is trimmed, with or without a byte order mark', async () => {
    await writeFile(path, '\ufeffkey-1\r\n');
    expect(await keyOf(openApiKey({ keyFile: path, env: {} }))).toBe('key-1');
  });

  it('wins over the environment, even where it cannot be read', async () => {
    const apiKey = openApiKey({ keyFile: path, env: { LINQ_API_V3_API_KEY: 'from-env' } });
    await refusalOf(apiKey);
    await writeFile(path, 'from-file');
    expect(await keyOf(apiKey)).toBe('from-file');
  });

  it.each(['', '\n', 'two\nlines', 'a\u0000b', 'x'.repeat(20_000)])(
    'is refused where it is wrong',
    async (content) => {
      await writeFile(path, content);
      const error = await refusalOf(openApiKey({ keyFile: path, env: {} }));
      expect(error.message).toContain(path);
      expect(error.hint).toContain('api.key_file');
    },
  );

  it('is refused where the file is missing or a folder', async () => {
    expect((await refusalOf(openApiKey({ keyFile: path, env: {} }))).message).toContain('ENOENT');
    await mkdir(path);
    expect((await refusalOf(openApiKey({ keyFile: path, env: {} }))).message).toContain('EISDIR');
  });

  it('does not show its content in the refusal', async () => {
    await writeFile(path, 'hunter2 hunter3');
    const error = await refusalOf(openApiKey({ keyFile: path, env: {} }));
    expect(`${error.stack ?? ''}${JSON.stringify(error)}`).not.toContain('hunter');
  });

  it('is read again when the file is replaced', async () => {
    await writeFile(path, 'key-1');
    const apiKey = openApiKey({ keyFile: path, env: {} });
    expect(await keyOf(apiKey)).toBe('key-1');
    await writeFile(join(folder, 'new'), 'key-2');
    await rename(join(folder, 'new'), path);
    expect(await keyOf(apiKey)).toBe('key-2');
  });

  it('is found by a refresh where size and times of the file hide the change', async () => {
    const time = new Date('2026-01-01T00:00:00Z');
    await writeFile(path, 'key-1');
    await utimes(path, time, time);
    const apiKey = openApiKey({ keyFile: path, env: {} });
    expect(await keyOf(apiKey)).toBe('key-1');
    await writeFile(path, 'key-2');
    await utimes(path, time, time);
    expect(await keyOf(apiKey)).toBe('key-1');
    expect(await apiKey.refresh()).toBe(true);
    expect(await keyOf(apiKey)).toBe('key-2');
    expect(await apiKey.refresh()).toBe(false);
  });

  it.each(['empty', 'missing'])('stays as it was while the file is %s', async (state) => {
    await writeFile(path, 'key-1');
    const apiKey = openApiKey({ keyFile: path, env: {} });
    await apiKey.current();
    if (state === 'empty') await writeFile(path, '');
    else await rm(path);
    expect(await keyOf(apiKey)).toBe('key-1');
    expect(await apiKey.refresh()).toBe(false);
    await writeFile(path, 'key-2');
    expect(await keyOf(apiKey)).toBe('key-2');
  });
});
