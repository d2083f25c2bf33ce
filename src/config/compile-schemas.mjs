/**
 * `npm run schemas`: makes `validators.ts` of the schemas that this package ships, so that no process has to compile them.
 * A test compares the two.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';

const SCHEMAS = ['subscriptions', 'settings'];
const VALIDATORS = new URL('./validators.ts', import.meta.url);

/** A word of our own; it checks nothing. */
const NAME = 'x-name';

const HEAD = [
  '// @ts-nocheck',
  '// Made by compile-schemas.mjs of the schemas in /schema: change those, and run `npm run schemas`.',
];

/** The text of `validators.ts`: for each schema a function like those of ajv, with every error and verbose. */
export function compileSchemas() {
  // `verbose` gives the part of the schema that is broken. The schemas themselves are checked by a test.
  const ajv = new Ajv2020({
    strict: true,
    allowUnionTypes: true,
    allErrors: true,
    verbose: true,
    logger: false,
    validateSchema: false,
    code: { source: true, esm: true },
  });
  ajv.addVocabulary([NAME]);
  for (const name of SCHEMAS) ajv.addSchema(schemaOf(name), name);
  const code = standalone.default(ajv, Object.fromEntries(SCHEMAS.map((name) => [name, name])));
  return `${[...HEAD, selfContained(code)].join('\n')}\n`;
}

/** ajv's module asks CommonJS for how characters are counted, which is said here instead; it needs nothing else. */
function selfContained(code) {
  const body = code.replaceAll(
    'require("ajv/dist/runtime/ucs2length").default',
    '(text) => [...text].length',
  );
  if (body.includes('require(')) throw new Error('the validators need more of ajv than is known here');
  // A line for each statement at least, for whoever has to look at it.
  return body.replaceAll(/;(?=(?:const|let|var|if|for|function|export|validate\d+\.) ?)/g, ';\n');
}

/**
 * Without `uniqueItems`: it compares each item with each other one, which for a long list takes hours; whatever stands
 * twice in a list is found with its own place elsewhere. Every definition knows its name, which ajv forgets.
 */
function schemaOf(name) {
  const text = readFileSync(new URL(`../../schema/${name}.schema.json`, import.meta.url), 'utf8');
  const schema = JSON.parse(text, (key, value) => (key === 'uniqueItems' ? undefined : value));
  for (const [part, definition] of Object.entries(schema.$defs)) definition[NAME] = part;
  return schema;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(VALIDATORS, compileSchemas());
