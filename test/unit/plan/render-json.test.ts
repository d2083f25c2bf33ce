import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { REPLACE_STEPS } from '../../../src/domain/operation.ts';
import { GUARDS } from '../../../src/domain/plan.ts';
import type { OperationResult } from '../../../src/domain/report.ts';
import { outcomeOfCode, planDocument, renderJson, toJson } from '../../../src/plan/render-json.ts';
import {
  makeChange,
  makeCreate,
  makeDelete,
  makeEveryOperation,
  makeFields,
  makeForeign,
  makeHeld,
  makeItem,
  makeLive,
  makePlan,
  makeRecover,
  makeReplace,
  makeReport,
  makeUpdate,
  makeWaiting,
} from '../../support/plan-builders.ts';

interface Schema {
  $id?: string;
  $defs: { guard: { examples: string[] } };
}

const schema = JSON.parse(
  readFileSync(new URL('../../../schema/plan.schema.json', import.meta.url), 'utf8'),
) as Schema;

/** As the schema, but with every property that it does not describe refused: what we print is described. */
function withoutUnknown(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutUnknown);
  if (typeof node !== 'object' || node === null) return node;
  const members = Object.entries(node).map(([key, value]) => [key, withoutUnknown(value)] as const);
  const isObject = 'properties' in node && 'type' in node;
  return { ...Object.fromEntries(members), ...(isObject ? { additionalProperties: false } : {}) };
}

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
const strict = withoutUnknown(schema) as Schema;
const validate = ajv.compile(strict);
const validatePlan = ajv.compile({ $ref: `${strict.$id ?? ''}#/$defs/plan` });
const validateLoosely = new Ajv2020({ allowUnionTypes: true }).compile(schema);

const requests = { reads: 4, writes: 0 };
const nothing = { plan: null, report: null, requests, exitCode: 0, outcome: 'done', errors: [] } as const;

function parsed(text: string): unknown {
  return JSON.parse(text);
}

const results: readonly OperationResult[] = [
  { status: 'done' },
  { status: 'done', note: 'inactive, as declared' },
  { status: 'failed', error: 'cannot create' },
  { status: 'failed', error: 'cannot create', hint: 'look' },
  { status: 'unknown', error: 'no answer', hint: 'wait' },
  { status: 'skipped', reason: 'interrupted' },
  { status: 'held', guard: 'url-taken', reason: 'sub-9 has the URL' },
];

const plan = makePlan({
  operations: [
    ...makeEveryOperation(),
    makeCreate({
      name: 'full',
      reason: 'deleted-outside',
      fields: makeFields({
        phone_numbers: ['+12025550100'],
        is_active: false,
        routing_key_header: 'X-Key',
        routing_id_header: null,
      }),
    }),
    makeDelete({ name: 'gone', before: null, subscription_id: null }),
    makeDelete({ name: 'amid', replacement_id: 'sub-next' }),
    ...REPLACE_STEPS.map((step) =>
      makeReplace({
        name: step,
        step,
        reason: 'under-way',
        subscription_id: null,
        replacement_id: 'sub-next',
      }),
    ),
    ...(['unowned', 'asked', 'age'] as const).map((reason) => makeReplace({ name: reason, reason })),
    makeDelete({ name: null, before: makeLive({ created_at: 1_770_000_000_000 }) }),
    makeRecover({ name: 'left-nothing', subscription_id: null }),
    makeUpdate({
      name: 'many',
      reason: 'drifted',
      changes: [
        makeChange({ reason: 'drifted', field: 'is_active', before: false, after: true }),
        makeChange({ reason: 'differs', field: 'phone_numbers', before: ['+1'], after: null }),
        makeChange({ field: 'prevent_destroy', before: false, after: true }),
      ],
      patch: { is_active: true, phone_numbers: null },
    }),
  ],
  held: [
    makeHeld(),
    ...GUARDS.map((guard) => makeHeld({ guard, name: null, operation: null, letThrough: null })),
  ],
  waiting: [makeWaiting(), makeWaiting({ until: null })],
  foreign: [makeForeign(), makeForeign({ isExempt: true, is_active: false })],
  warnings: ['look'],
  summary: { inactive: ['many'] },
});

describe('renderJson', () => {
  it('prints one document with everything in it, in snake case', () => {
    const text = renderJson({
      plan: makePlan({
        id: 'f'.repeat(64),
        operations: [makeRecover()],
        held: [makeHeld({ operation: null, reason: 'why' })],
        waiting: [makeWaiting()],
        foreign: [makeForeign()],
        warnings: ['look'],
      }),
      report: makeReport([makeItem(makeRecover(), { status: 'failed', error: 'cannot', hint: 'try' })], true),
      requests: { reads: 6, writes: 1 },
      exitCode: 1,
      outcome: 'failed',
      errors: [
        { message: 'cannot read the file', file: 's.yaml', line: 3, column: 5, suggestion: 'x', hint: 'h' },
      ],
    });

    expect(parsed(text)).toEqual({
      format_version: '1.0',
      plan: {
        id: 'f'.repeat(64),
        operations: [
          {
            key: 'recover crm',
            kind: 'recover',
            name: 'crm',
            subscription_id: 'sub-crm-unfinished',
            secret: 'none',
            after: [],
          },
        ],
        held: [
          {
            name: 'support',
            guard: 'widen',
            reason: 'why',
            let_through: '--allow widen:support',
            operation: null,
          },
        ],
        waiting: [
          {
            name: 'support',
            kind: 'replace',
            reason: 'step 3 of 5: overlap',
            until: '2026-11-22T12:30:05.000Z',
          },
        ],
        foreign: [
          {
            id: 'sub-foreign',
            target_url: 'https://elsewhere.example.net/hook',
            is_active: true,
            is_exempt: false,
          },
        ],
        warnings: ['look'],
        summary: { entries: 3, live: 4, owned: 3, foreign: 1, inactive: [] },
      },
      report: {
        items: [
          {
            key: 'recover crm',
            kind: 'recover',
            name: 'crm',
            result: { status: 'failed', error: 'cannot', hint: 'try' },
          },
        ],
        was_interrupted: true,
      },
      requests: { reads: 6, writes: 1 },
      status: {
        exit_code: 1,
        outcome: 'failed',
        errors: [
          { message: 'cannot read the file', file: 's.yaml', line: 3, column: 5, suggestion: 'x', hint: 'h' },
        ],
      },
    });
    expect(text).toMatch(/^\{\n {2}"format_version"[^]*\n\}\n$/);
  });

  it('prints nothing that the schema does not describe, of any operation, guard or result', () => {
    const report = makeReport(
      plan.operations.flatMap((operation) => results.map((result) => makeItem(operation, result))),
    );
    const document = parsed(renderJson({ ...nothing, plan, report }));

    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
  });

  it.each([
    'nothing-to-do',
    'done',
    'changes-pending',
    'held',
    'failed',
    'refused',
    'invalid-configuration',
    'interrupted',
    'bug',
  ] as const)('prints a valid document without a plan, with the outcome %s', (outcome) => {
    const errors = [{ message: 'cannot' }];

    for (const exitCode of [0, 1, 2, 3, 70, 78, 130, 143]) {
      const document = parsed(renderJson({ ...nothing, exitCode, outcome, errors }));
      expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    }
  });

  it('has no name in camel case', () => {
    const report = makeReport([makeItem(makeUpdate())]);

    expect(renderJson({ ...nothing, plan, report })).not.toMatch(/"[a-z]+[A-Z][A-Za-z]*":/);
  });

  it('leaves out what is undefined', () => {
    const patch = Object.assign({}, makeUpdate().patch, { is_active: undefined });

    expect(toJson(planDocument(makePlan({ operations: [makeUpdate({ patch })] })))).not.toContain(
      'is_active',
    );
  });

  it('lets no value drive a terminal, and changes none', () => {
    const evil = 'a\u001b[2J\u009b31m\u202e\u2028\u{e0041}\u007f';
    const text = toJson(planDocument(makePlan({ warnings: [evil] })));

    expect(text).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
    expect(parsed(text)).toMatchObject({ warnings: [evil] });
  });
});

describe('planDocument', () => {
  it('is the plan as it stands in the document, and valid by itself', () => {
    const alone = parsed(toJson(planDocument(plan)));

    expect(parsed(renderJson({ ...nothing, plan }))).toMatchObject({ plan: alone });
    expect(validatePlan(alone), JSON.stringify(validatePlan.errors)).toBe(true);
  });
});

describe('plan.schema.json', () => {
  const document = parsed(renderJson({ ...nothing, plan })) as Record<string, unknown>;

  it('lets a later minor version add properties and guards', () => {
    expect(
      validateLoosely({
        ...document,
        format_version: '1.7',
        news: true,
        plan: {
          ...makeEmptyPlanDocument(),
          held: [
            { name: 'a', guard: 'some-new-guard', reason: '', let_through: null, operation: null, more: 1 },
          ],
        },
      }),
    ).toBe(true);
  });

  it.each([
    { reason: 'a major version that it does not know', change: { format_version: '2.0' } },
    { reason: 'a document without requests', change: { requests: undefined } },
    { reason: 'a status without its outcome', change: { status: { exit_code: 0, errors: [] } } },
    {
      reason: 'a usage error, which prints nothing',
      change: { status: { exit_code: 64, outcome: 'failed', errors: [] } },
    },
    { reason: 'an id of another form', change: { plan: { ...makeEmptyPlanDocument(), id: 'abc' } } },
    {
      reason: 'an operation without kind',
      change: { plan: { ...makeEmptyPlanDocument(), operations: [{ key: 'a' }] } },
    },
    {
      reason: 'an unknown status of a result',
      change: {
        report: {
          items: [{ key: 'a', kind: 'create', name: 'a', result: { status: 'perhaps' } }],
          was_interrupted: false,
        },
      },
    },
  ])('refuses $reason', ({ change }) => {
    const changed = parsed(JSON.stringify({ ...document, ...change }));

    expect(validateLoosely(document)).toBe(true);
    expect(validateLoosely(changed)).toBe(false);
  });

  it('names every guard that there is', () => {
    expect(schema.$defs.guard.examples).toEqual([...GUARDS]);
  });

  it('describes everything in words', () => {
    const silent: string[] = [];
    visit(schema, '#', silent);

    expect(silent).toEqual([]);
  });
});

function makeEmptyPlanDocument(): Record<string, unknown> {
  return parsed(toJson(planDocument(makePlan()))) as Record<string, unknown>;
}

/** Notes every property of the schema that has neither a description nor a definition elsewhere. */
function visit(node: unknown, path: string, silent: string[]): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'properties') {
      for (const [name, property] of Object.entries(value as Record<string, object>)) {
        if (!('description' in property) && !('$ref' in property)) silent.push(`${path}/${name}`);
      }
    }
    visit(value, `${path}/${key}`, silent);
  }
}

describe('the outcome of an exit code', () => {
  it('is one word for each', () => {
    const codes = [0, 1, 2, 3, 64, 70, 78, 130, 143];
    expect(codes.map((code) => outcomeOfCode(code))).toEqual([
      'done',
      'failed',
      'changes-pending',
      'refused',
      'failed',
      'bug',
      'invalid-configuration',
      'interrupted',
      'interrupted',
    ]);
  });
});
