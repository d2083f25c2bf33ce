import { describe, expect, it } from 'vitest';
import { SinkError } from '../../../../src/domain/errors.ts';
import { createKvStore, type KvStore } from '../../../../src/secrets/vault/kv-store.ts';
import type { VaultAccess } from '../../../../src/secrets/vault/vault-access.ts';
import { createPaths } from '../../../../src/secrets/vault/vault-paths.ts';
import { ABSENT } from '../../../../src/secrets/sink.ts';

type Call = Parameters<VaultAccess>[0];
type Reply = Awaited<ReturnType<VaultAccess>>;

const MADE = '2026-03-01T10:00:00Z';
const META = 'secret/metadata/linq/orders';

/** A store whose server gives these answers, one after the other. */
function makeStore(...replies: (Reply | Error | ((call: Call) => Reply | Error))[]) {
  const calls: Call[] = [];
  const access: VaultAccess = (call) => {
    calls.push(call);
    const next = replies.shift() ?? new TypeError('no call was expected');
    const reply = typeof next === 'function' ? next(call) : next;
    return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
  };
  const options = { mount: 'secret', path: 'linq' };
  return { calls, kv: createKvStore(access, createPaths(options), options) };
}

function ok(data: unknown): Reply {
  return { kind: 'ok', body: { data } };
}

/** An answer other than 2xx. */
function refused(status: number, body: Readonly<Record<string, unknown>> = { errors: ['no'] }): Reply {
  const errors = Array.isArray(body['errors']) ? (body['errors'] as string[]) : [];
  return {
    kind: 'refused',
    answer: { status, body, errors, warnings: [], redirect: undefined },
    error: new SinkError(`cannot do it: status ${status}`),
  };
}

const ABSENT_404 = refused(404, { errors: [] });
const SEALED = refused(503, { errors: ['Vault is sealed'] });

function found(metadata: Readonly<Record<string, unknown>>, data: unknown = { record: '{}' }) {
  return { data, metadata: { version: 3, created_time: MADE, custom_metadata: null, ...metadata } };
}

describe('reading a version', () => {
  it('gives number, time, marks and data', async () => {
    const { kv, calls } = makeStore(ok(found({ custom_metadata: { a: 'b' } })));
    expect(await kv.read('orders')).toEqual({
      kind: 'data',
      map: { record: '{}' },
      marks: { a: 'b' },
      number: 3,
      version: `3-${MADE}`,
    });
    expect(calls).toMatchObject([
      {
        method: 'GET',
        path: 'secret/data/linq/orders',
        needs: { path: 'secret/data/linq/*', capabilities: ['create', 'read', 'update'] },
      },
    ]);
  });

  it.each([
    { reply: ABSENT_404, is: { kind: 'absent', number: 0, version: ABSENT } },
    {
      reply: refused(404, { data: found({ destroyed: true }, null) }),
      is: { kind: 'no-data', isDestroyed: true, number: 3 },
    },
    {
      reply: refused(404, { data: found({ destroyed: false }, null) }),
      is: { kind: 'no-data', isDestroyed: false, number: 3 },
    },
  ])('knows what is $is.kind', async ({ reply, is }) => {
    expect(await makeStore(reply).kv.read('orders')).toMatchObject(is);
  });

  it.each([
    { what: 'no number', metadata: { version: undefined } },
    { what: 'a number that is text', metadata: { version: '3' } },
    { what: 'half a number', metadata: { version: 1.5 } },
    { what: 'the number zero', metadata: { version: 0 } },
    { what: 'no time', metadata: { created_time: undefined } },
  ])('fails where the answer has $what', async ({ metadata }) => {
    await expect(makeStore(ok(found(metadata))).kv.read('orders')).rejects.toThrow('has no version');
  });

  it.each([SEALED, refused(404, { errors: ['no handler for route'] }), refused(404, {})])(
    'fails where the server says anything else: never absent',
    async (reply) => {
      await expect(makeStore(reply).kv.read('orders')).rejects.toBeInstanceOf(SinkError);
    },
  );
});

describe('writing a version', () => {
  const write = (kv: KvStore) => kv.write('orders', { record: '{}', signing_secret: 's' }, 3);

  it('says which version must be current, and gives the next', async () => {
    const { kv, calls } = makeStore(ok({ version: 4, created_time: MADE }));
    expect(await write(kv)).toEqual({ kind: 'written', number: 4, version: `4-${MADE}` });
    expect(calls).toMatchObject([{ method: 'POST', body: { options: { cas: 3 }, data: { record: '{}' } } }]);
    expect(calls[0]?.needs?.path).toBe('secret/data/linq/*');
    expect(calls[0]?.secrets?.map((secret) => secret.reveal())).toEqual(['s']);
  });

  it('tells a mismatch from every other refusal', async () => {
    const mismatch = refused(400, {
      errors: ['check-and-set parameter did not match the current version'],
    });
    expect(await write(makeStore(mismatch).kv)).toEqual({ kind: 'mismatch' });
    const denied = refused(403);
    expect(await write(makeStore(denied).kv)).toEqual({
      kind: 'refused',
      error: denied.kind === 'refused' ? denied.error : null,
    });
  });

  it('does not know what became of it without an answer, but whether it was sent', async () => {
    const error = new SinkError('cannot write: no answer');
    expect(await write(makeStore(error).kv)).toEqual({ kind: 'unknown', error, wasSent: false });
    const sent = (call: Call): Error => {
      call.onSent?.();
      return error;
    };
    expect(await write(makeStore(sent).kv)).toEqual({ kind: 'unknown', error, wasSent: true });
  });

  it.each([{ version: 5 }, { version: 3 }, { version: 4, created_time: 7 }])(
    'does not take $version for the one after 3, or an answer without a time',
    async (answer) => {
      expect(await write(makeStore(ok({ created_time: MADE, ...answer })).kv)).toMatchObject({
        kind: 'unknown',
      });
    },
  );

  it('throws a bug', async () => {
    await expect(write(makeStore(new TypeError('a bug')).kv)).rejects.toThrow(TypeError);
  });
});

describe('listing', () => {
  it('gives names in order, and no folders', async () => {
    const { kv, calls } = makeStore(ok({ keys: ['b', 'folder/', 'a', 'a.b'] }));
    expect(await kv.list()).toEqual(['a', 'a.b', 'b']);
    expect(calls[0]?.needs?.path).toBe('secret/metadata/linq/*');
  });

  it('is empty where nothing was ever written, and fails for everything else', async () => {
    expect(await makeStore(ABSENT_404).kv.list()).toEqual([]);
    for (const reply of [SEALED, refused(404, {}), ok({}), ok({ keys: null })])
      await expect(makeStore(reply).kv.list()).rejects.toBeInstanceOf(SinkError);
  });
});

describe('marking', () => {
  const mark = (kv: KvStore) => kv.mark('orders', { ours: 'yes' });

  it('merges into what others put there', async () => {
    const { kv, calls } = makeStore(ok({}));
    await mark(kv);
    expect(calls).toMatchObject([
      { method: 'PATCH', path: META, body: { custom_metadata: { ours: 'yes' } } },
    ]);
    expect(calls[0]?.needs?.path).toBe('secret/metadata/linq/*');
  });

  it('reads, merges and replaces where the server cannot merge', async () => {
    const { kv, calls } = makeStore(refused(405), ok({ custom_metadata: { theirs: 'kept' } }), ok({}));
    await mark(kv);
    expect(calls.map(({ method, needs }) => [method, needs?.path])).toEqual(
      ['PATCH', 'GET', 'POST'].map((method) => [method, 'secret/metadata/linq/*']),
    );
    expect(calls[2]?.body).toEqual({ custom_metadata: { theirs: 'kept', ours: 'yes' } });
  });

  it('fails where any of that is refused', async () => {
    await expect(mark(makeStore(SEALED).kv)).rejects.toBeInstanceOf(SinkError);
    // What others put there must not be replaced by nothing.
    await expect(mark(makeStore(refused(405), SEALED).kv)).rejects.toBeInstanceOf(SinkError);
    await expect(mark(makeStore(refused(405), ok({}), SEALED).kv)).rejects.toBeInstanceOf(SinkError);
  });
});

describe('older versions', () => {
  it('are those below, whose data exists, in order', async () => {
    const versions = {
      '10': { destroyed: false },
      '9': { deletion_time: MADE, destroyed: false },
      '11': {},
      '12': {},
      '2': { destroyed: true },
      '3': 'odd',
      '0': {},
      '1.5': {},
      x: {},
    };
    expect(await makeStore(ok({ versions })).kv.olderThan('orders', 11)).toEqual([3, 9, 10]);
    await expect(makeStore(SEALED).kv.olderThan('orders', 11)).rejects.toBeInstanceOf(SinkError);
  });

  it('are destroyed by their numbers', async () => {
    const { kv, calls } = makeStore(ok({}));
    await kv.destroy('orders', [1, 2]);
    expect(calls).toMatchObject([
      { method: 'PUT', path: 'secret/destroy/linq/orders', body: { versions: [1, 2] } },
    ]);
    expect(calls[0]?.needs?.path).toBe('secret/destroy/linq/*');
    await expect(makeStore(SEALED).kv.destroy('orders', [1])).rejects.toBeInstanceOf(SinkError);
  });
});
