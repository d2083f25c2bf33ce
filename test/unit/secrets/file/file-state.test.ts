import { expect, it } from 'vitest';
import type { Content } from '../../../../src/secrets/file/envelope.ts';
import { writeVersion } from '../../../../src/secrets/file/atomic-file.ts';
import {
  currentOf,
  isInUse,
  readState,
  versionOf,
  type FileState,
  type FileStore,
} from '../../../../src/secrets/file/file-state.ts';
import { ownMark } from '../../../../src/secrets/file/writer-mark.ts';
import { ABSENT } from '../../../../src/secrets/sink.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

function content(version: string): Content {
  return { version, writer: '', follows: ['past'], bytes: Buffer.alloc(0) };
}

it.each<[string, FileState, readonly string[]]>([
  ['nothing', { visible: undefined, claimed: [] }, [ABSENT]],
  ['what is visible', { visible: content('e'), claimed: [] }, ['e']],
  ['what is claimed', { visible: undefined, claimed: [content('w')] }, [ABSENT, 'w']],
  ['claims of claims', { visible: content('e'), claimed: [content('w'), content('x')] }, ['e', 'w', 'x']],
])('has in use: %s', (_, state, versions) => {
  const all = [ABSENT, 'e', 'w', 'x', 'past'];
  expect(all.filter((version) => isInUse(state, version))).toEqual(versions);
  expect(versionOf(currentOf(state))).toBe(versions.at(-1));
});

it('reads again where the file was replaced while it looked for claims', async () => {
  const store: FileStore = { directory: await makeTempDir(), writer: ownMark() };
  const first = await writeVersion(store, 'orders', {}, ABSENT);
  let second = '';
  const { visible, claimed } = await readState(
    {
      ...store,
      async onStep(step) {
        if (step === 'recheck-visible' && second === '')
          second = await writeVersion(store, 'orders', {}, first);
      },
    },
    'orders',
  );
  expect(second).not.toBe('');
  expect(versionOf(visible)).toBe(second);
  expect(claimed).toEqual([]);
});
