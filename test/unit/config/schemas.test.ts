import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { compileSchema, SCHEMAS, validatorOf } from '../../../src/config/compile-schemas.mjs';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { loadSubscriptions } from '../../../src/config/load-subscriptions.ts';
import { SETTING_KEYS, SETTINGS, variableOf } from '../../../src/config/settings-keys.ts';
import { VAULT_METHODS } from '../../../src/config/vault-methods.ts';
import { EXPORT_MODES } from '../../../src/domain/settings.ts';

const root = new URL('../../../', import.meta.url);
const schemas = ['subscriptions', 'settings'] as const;

interface Part {
  readonly [key: string]: unknown;
  readonly properties?: Readonly<Record<string, Part>>;
  readonly $defs?: Readonly<Record<string, Part>>;
}

function schemaOf(name: string): Part {
  return JSON.parse(readFileSync(new URL(`schema/${name}.schema.json`, root), 'utf8')) as Part;
}

/** Every part that an editor shows: definitions, and properties that do not only refer to one. */
function* parts(part: Part, path: string): Generator<[string, Part]> {
  for (const [key, value] of Object.entries({ ...part.$defs, ...part.properties })) {
    if (Object.keys(value).join() !== '$ref') yield [`${path}/${key}`, value];
    yield* parts(value, `${path}/${key}`);
  }
}

function leaf(part: Part, path: readonly string[]): Part | undefined {
  return path.reduce<Part | undefined>((at, key) => at?.properties?.[key], part);
}

describe.each(schemas)('the schema of %s', (name) => {
  it('is a valid schema of draft 2020-12 in strict mode, and its examples are valid', () => {
    const ajv = new Ajv2020({ strict: true, strictTypes: true, allowUnionTypes: true });
    const schema = schemaOf(name);
    expect(() => ajv.compile(schema)).not.toThrow();
    ajv.addSchema(schema, name);
    for (const [key, definition] of Object.entries(schema.$defs ?? {})) {
      const validate = ajv.compile({ $ref: `${name}#/$defs/${key}` });
      for (const example of definition['examples'] as unknown[]) {
        expect(validate(example), `${key}: ${JSON.stringify(example)}`).toBe(true);
      }
    }
  });

  it('helps an editor with a title, a description and examples everywhere', () => {
    for (const [path, part] of parts(schemaOf(name), '')) {
      expect([part['title'], part['description']], path).toEqual([expect.any(String), expect.any(String)]);
      expect(part['examples'] ?? part['$ref'], path).toBeDefined();
    }
  });

  it('knows every key: no map is open', () => {
    for (const [path, part] of parts(schemaOf(name), '')) {
      if (part['type'] === 'object') expect(part['additionalProperties'], path).toBeDefined();
    }
  });
});

describe('the schema of settings', () => {
  it('has the settings and defaults that the program has', () => {
    const schema = schemaOf('settings');
    for (const key of SETTING_KEYS) {
      expect(leaf(schema, key.split('.')), key).toBeDefined();
      expect(leaf(schema, key.split('.'))?.['default'] ?? null, key).toEqual(SETTINGS[key].default);
    }
  });

  it('has the methods of logging in to Vault, and their keys, that the program has', () => {
    const auth = leaf(schemaOf('settings'), ['secrets', 'vault', 'auth']);
    interface Branch {
      readonly if: { readonly properties: { readonly method: { readonly const: string } } };
      readonly then: { readonly properties: object; readonly required?: readonly string[] };
    }
    const branches = auth?.['allOf'] as readonly Branch[];
    const methods = branches.map(({ if: { properties }, then }) => {
      const keys = Object.keys(then.properties).filter((key) => key !== 'method');
      return [properties.method.const, { keys, needs: then.required ?? [] }];
    });
    expect(Object.fromEntries(methods)).toEqual(VAULT_METHODS);
    expect(auth?.properties?.['method']?.['enum']).toEqual(Object.keys(VAULT_METHODS));
  });

  it('has the modes of exported files that the program has', () => {
    const mode = leaf(schemaOf('settings'), ['secrets', 'export', 'mode']);
    expect(mode?.['enum']).toEqual(EXPORT_MODES);
  });
});

describe('the examples', () => {
  it('are valid', async () => {
    const file = fileURLToPath(new URL('config.example/linq-gitops.yaml', root));
    const { settings } = await loadSettings({ file, cwd: '/', env: {}, flags: {} });
    const { desired, warnings } = await loadSubscriptions(settings.subscriptions);
    expect(desired.entries.map(({ name }) => name)).toEqual(['billing', 'chat', 'support']);
    expect(warnings).toEqual([]);
  });

  it('have every setting and every field', () => {
    const settings = parse(readFileSync(new URL('config.example/linq-gitops.yaml', root), 'utf8')) as object;
    const paths = (value: unknown, path: string): string[] =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(value).flatMap(([key, inner]) => paths(inner, path === '' ? key : `${path}.${key}`))
        : [path];
    // Another method of logging in than the one shown has these, and they are explained beside it.
    const ofOthers: readonly string[] = ['role_id', 'secret_id_file'].map(
      (key) => `secrets.vault.auth.${key}`,
    );
    expect(paths(settings, '').sort()).toEqual(SETTING_KEYS.filter((key) => !ofOthers.includes(key)).sort());

    const text = readFileSync(new URL('config.example/subscriptions.yaml', root), 'utf8');
    const { subscriptions } = parse(text) as { subscriptions: Record<string, object> };
    const used = new Set(Object.values(subscriptions).flatMap((entry) => Object.keys(entry)));
    const entry = (schemaOf('subscriptions').$defs as Record<string, Part>)['entry'];
    expect([...used].sort()).toEqual(Object.keys(entry?.properties ?? {}).sort());
  });

  it('explain every key in a comment before or behind it', () => {
    for (const name of ['subscriptions', 'linq-gitops']) {
      const lines = readFileSync(new URL(`config.example/${name}.yaml`, root), 'utf8').split('\n');
      const bare = lines.filter((line, index) => {
        const isLeaf = /^\s*[a-z_]+: \S/.test(line);
        return isLeaf && !/^\s*#/.test(lines[index - 1] ?? '');
      });
      const explained = ['subscribed_events:', 'target_url:'];
      expect(bare.filter((line) => !explained.some((key) => line.trim().startsWith(key)))).toEqual([]);
    }
  });

  it('name a variable for every setting, each its own', () => {
    expect(new Set(SETTING_KEYS.map(variableOf)).size).toBe(SETTING_KEYS.length);
    expect(variableOf('api.timeout')).toBe('LINQ_GITOPS_API_TIMEOUT');
  });
});

test.each(SCHEMAS)('the validator of %s is that of its schema', (name) => {
  const made = readFileSync(validatorOf(name), 'utf8');
  expect(made === compileSchema(name), 'run: npm run schemas').toBe(true);
});
