/** What a write makes of what it finds when it looks: after a link of which nobody knows, and after others went on. */
import { chmod, link, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SinkConflictError, SinkError } from '../../../../src/domain/errors.ts';
import { writeVersion } from '../../../../src/secrets/file/atomic-file.ts';
import {
  currentOf,
  readState,
  versionOf,
  type FileStore,
  type StepName,
} from '../../../../src/secrets/file/file-state.ts';
import { ownMark } from '../../../../src/secrets/file/writer-mark.ts';
import { ABSENT, type Version } from '../../../../src/secrets/sink.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

const NAME = 'orders';
/** How many versions a file remembers of those before it. */
const MEMORY = 8;

/** A folder that holds one version, and the write that is looked at. */
interface Scene {
  readonly sound: FileStore;
  readonly visible: string;
  readonly version: Version;
  /** The file that the write has made ready, and its claim. */
  readonly staged: () => Promise<string>;
  readonly claim: string;
  /** What has no part in the protocol any more is gone: there is the visible file alone. */
  readonly files: () => Promise<readonly string[]>;
  readonly current: () => Promise<Version>;
  /** As many writes of another process. */
  readonly others: (count: number) => Promise<void>;
}

/** `claimed`: right after the claim, before anybody has looked. */
type Moment = StepName | 'claimed';
type Meanwhile = Partial<Record<Moment, (scene: Scene) => Promise<unknown>>>;

async function makeScene(): Promise<Scene> {
  const directory = await makeTempDir();
  const sound: FileStore = { directory, writer: ownMark() };
  const version = await writeVersion(sound, NAME, { owner: 'old' }, ABSENT);
  const scene: Scene = {
    sound,
    version,
    visible: join(directory, `${NAME}.json`),
    claim: join(directory, `.${NAME}.${version}.claim`),
    async staged() {
      const [file = 'none', ...more] = (await readdir(directory)).filter((name) => name.endsWith('.new'));
      expect(more).toEqual([]);
      return join(directory, file);
    },
    files: async () => (await readdir(directory)).sort(),
    current: async () => versionOf(currentOf(await readState(sound, NAME))),
    async others(count) {
      for (let turn = 0; turn < count; turn += 1) {
        await writeVersion(sound, NAME, { owner: 'other' }, await scene.current());
      }
    },
  };
  return scene;
}

/** Writes on top of the scene's version; at each moment, the first time, something else happens before the step. */
function write(scene: Scene, meanwhile: Meanwhile): Promise<Version> {
  const left = new Map(Object.entries(meanwhile));
  let isClaimed = false;
  const onStep = async (step: StepName): Promise<void> => {
    const moment: Moment = isClaimed && step === 'read-visible' ? 'claimed' : step;
    isClaimed ||= step === 'claim';
    const act = left.get(moment);
    left.delete(moment);
    await act?.(scene);
  };
  return writeVersion({ ...scene.sound, onStep }, NAME, { owner: 'new' }, scene.version);
}

async function play(meanwhile: Meanwhile) {
  const scene = await makeScene();
  const outcome = await write(scene, meanwhile).catch((error: unknown) => error);
  return { scene, outcome };
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made for a test`), { code, syscall: 'test', errno: -1 });
}

function fail(code: string): () => Promise<never> {
  return () => Promise.reject(systemError(code));
}

function expectUncertain(outcome: unknown): void {
  expect(outcome).toBeInstanceOf(SinkError);
  expect(outcome).not.toBeInstanceOf(SinkConflictError);
  expect(String(outcome)).toContain('it may have been written');
}

async function sweep(scene: Scene): Promise<void> {
  await unlink(scene.claim);
  await unlink(await scene.staged());
}

describe('a link that was made', () => {
  it.each(['EIO', 'ESTALE', 'EEXIST', 'nothing'])('counts, though the system reports %s', async (code) => {
    const { scene, outcome } = await play({
      async claim({ staged, claim }) {
        await link(await staged(), claim);
        // Without an error of ours, the link of the write itself meets the one that is there.
        if (code !== 'nothing') throw systemError(code);
      },
    });
    expect(outcome).toBe(await scene.current());
    expect(outcome).not.toBe(scene.version);
    expect(await scene.files()).toEqual(['orders.json']);
  });

  it('is not denied where nobody can look, and its file stays', async () => {
    const { scene, outcome } = await play({
      async claim({ sound, staged, claim }) {
        await link(await staged(), claim);
        await rename(sound.directory, `${sound.directory}-away`);
        await writeFile(sound.directory, '');
      },
    });
    const { directory } = scene.sound;
    await unlink(directory);
    await rename(`${directory}-away`, directory);
    expectUncertain(outcome);
    expect(await scene.files()).toHaveLength(3);
    expect(await scene.current()).not.toBe(scene.version);
  });
});

describe('a claim that came in time', () => {
  it.each([1, MEMORY])('is a write that happened, though others wrote %i times since', async (count) => {
    for (const moment of ['claimed', 'move', 'sync-move'] as const) {
      const { scene, outcome } = await play({ [moment]: ({ others }: Scene) => others(count) });
      expect(outcome).toMatch(/^[0-9a-f]{32}$/);
      expect(outcome).not.toBe(await scene.current());
      expect(await scene.files()).toEqual(['orders.json']);
    }
  });

  it('is one of which nobody knows where others wrote more than a file remembers', async () => {
    for (const moment of ['claimed', 'move', 'sync-move'] as const) {
      const { outcome } = await play({ [moment]: ({ others }: Scene) => others(MEMORY + 1) });
      expectUncertain(outcome);
    }
  });

  it('is tidied up where a helper moved the file', async () => {
    const { scene, outcome } = await play({
      move: async ({ staged, visible }) => rename(await staged(), visible),
    });
    expect(outcome).toBe(await scene.current());
    expect(await scene.files()).toEqual(['orders.json']);
  });

  it('is not denied where the folder cannot be read for a moment', async () => {
    const { scene, outcome } = await play({ claimed: fail('EIO') });
    expectUncertain(outcome);
    expect(await scene.current()).not.toBe(scene.version);
  });

  it('says what was the matter with the file where that cannot be read', async () => {
    const { outcome } = await play({
      claimed: ({ visible }) => chmod(visible, 0o644),
    });
    expectUncertain(outcome);
    expect(String(outcome)).toContain('others than its owner have access to it');
  });
});

describe('a claim that came too late', () => {
  it.each([1, MEMORY, MEMORY + 1])('is taken back, and a conflict: others wrote %i times', async (count) => {
    const { scene, outcome } = await play({ claim: ({ others }) => others(count) });
    expect(outcome).toBeInstanceOf(SinkConflictError);
    expect(await scene.files()).toEqual(['orders.json']);
    expect(await readFile(scene.visible, 'utf8')).toContain('"owner": "other"');
  });

  it('is a conflict as well where a sweep was faster', async () => {
    const { outcome } = await play({ claim: ({ others }) => others(1), claimed: sweep });
    expect(outcome).toBeInstanceOf(SinkConflictError);
  });

  it('is one of which nobody knows where a sweep was faster, and others wrote more than a file remembers', async () => {
    const { outcome } = await play({ claim: ({ others }) => others(MEMORY + 1), claimed: sweep });
    expectUncertain(outcome);
  });

  it('never takes back the claim of another, while that is the truth', async () => {
    const { scene, outcome } = await play({
      async claimed({ sound, version, claim, staged }) {
        await unlink(claim);
        await unlink(await staged());
        const killed = { ...sound, onStep: dieBefore('move') };
        await expect(writeVersion(killed, NAME, { owner: 'other' }, version)).rejects.toThrow(RangeError);
      },
    });
    expect(outcome).toBeInstanceOf(SinkConflictError);
    expect(currentOf(await readState(scene.sound, NAME))?.body).toEqual({ owner: 'other' });
  });
});

describe('what reads back as something else', () => {
  it.each<[string, (scene: Scene, before: Buffer) => Promise<unknown>]>([
    ['other content', async ({ visible }) => edit(visible, '"new"', '"bad"')],
    ['a cut file', async ({ visible }) => edit(visible, /\n.*$/s, '')],
    ['the version from before', ({ visible }, before) => writeFile(visible, before)],
    ['nothing', ({ visible }) => unlink(visible)],
  ])('is no success: %s', async (_, spoil) => {
    let before = Buffer.alloc(0);
    const { outcome } = await play({
      stage: async ({ visible }) => (before = await readFile(visible)),
      'sync-move': (scene) => spoil(scene, before),
    });
    expectUncertain(outcome);
  });
});

it.each(['stage', 'claim', 'claimed', 'move', 'clear', 'sync-move', 'done'] as const)(
  'takes no bug for an error of the system: %s',
  async (moment) => {
    const { outcome } = await play({ [moment]: () => Promise.reject(new RangeError('a bug')) });
    expect(outcome).toBeInstanceOf(RangeError);
  },
);

function dieBefore(last: StepName): NonNullable<FileStore['onStep']> {
  return (step) => (step === last ? Promise.reject(new RangeError('killed')) : Promise.resolve());
}

async function edit(path: string, from: string | RegExp, to: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  expect(text.replace(from, to)).not.toBe(text);
  await writeFile(path, text.replace(from, to));
}
