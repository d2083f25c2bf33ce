/**
 * `npm run schemas`: makes a validator of each schema that this package ships, so that no process has to compile them. A test
 * compares the two.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';

export const SCHEMAS = ['subscriptions', 'settings'];

/** A word of our own; it checks nothing. */
const NAME = 'x-name';

const HEAD = [
  '// @ts-nocheck',
  '// Made by compile-schemas.mjs of the schemas in /schema: change those, and run `npm run schemas`.',
  "import type { ValidateFunction } from 'ajv/dist/2020.js';",
];

/** Where the validator of a schema stands. */
export function validatorOf(name) {
  return new URL(`./${name}-validator.ts`, import.meta.url);
}

/** The text of a validator: a function `validate` like those of ajv, with every error, verbose, and without words. */
export function compileSchema(name) {
  // `verbose` gives the part of the schema that is broken. The schemas themselves are checked by a test.
  const ajv = new Ajv2020({
    strict: true,
    allowUnionTypes: true,
    allErrors: true,
    verbose: true,
    messages: false,
    logger: false,
    validateSchema: false,
    code: { source: true, esm: true },
  });
  ajv.addVocabulary([NAME]);
  ajv.addSchema(schemaOf(name), name);
  const code = standalone.default(ajv, { validate: name });
  return `${[...HEAD, selfContained(code)].join('\n')}\n`;
}

/** ajv's module asks CommonJS for how characters are counted, which is said here instead; it needs nothing else. */
function selfContained(code) {
  let body = code.replaceAll('require("ajv/dist/runtime/ucs2length").default', '(text) => [...text].length');
  body = body.replace('validate = validate0;', 'validate = validate0 as ValidateFunction;');
  if (body.includes('require(')) throw new Error('the validators need more of ajv than is known here');
  // A line for each statement at least, for whoever has to look at it.
  return body.replaceAll(/;(?=(?:const|let|var|if|for|function|export|validate\d+\.) ?)/g, ';\n');
}

/**
 * What checks, of a schema. Every definition knows its name, which ajv forgets. Without what is for readers, which would be
 * half of the code; and without `uniqueItems`: it compares each item with each other one, which for a long list takes hours;
 * whatever stands twice in a list is found with its own place elsewhere.
 */
function schemaOf(name) {
  const text = readFileSync(new URL(`../../schema/${name}.schema.json`, import.meta.url), 'utf8');
  const schema = checking(JSON.parse(text));
  hoistMaps(schema, schema.$defs);
  for (const [part, definition] of Object.entries(schema.$defs)) definition[NAME] = part;
  return schema;
}

/** Makes a definition of every map within a map: a function of its own, which is compiled where there is such a map. */
function hoistMaps(schema, definitions) {
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    if (part.properties === undefined) continue;
    if (name in definitions) throw new Error(`the schema means two things by ${name}`);
    hoistMaps(part, definitions);
    definitions[name] = part;
    schema.properties[name] = { $ref: `#/$defs/${name}` };
  }
}

const FOR_READERS = ['title', 'description', 'examples', 'default'];
const NAMED_PARTS = ['properties', '$defs'];

function checking(schema) {
  if (Array.isArray(schema)) return schema.map(checking);
  if (typeof schema !== 'object' || schema === null) return schema;
  const kept = Object.entries(schema).filter(([key]) => key !== 'uniqueItems' && !FOR_READERS.includes(key));
  return Object.fromEntries(
    kept.map(([key, value]) => [
      key,
      NAMED_PARTS.includes(key) ? mapValues(value, checking) : checking(value),
    ]),
  );
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of SCHEMAS) writeFileSync(validatorOf(name), compileSchema(name));
}
