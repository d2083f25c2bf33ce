import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseFileName } from '../../../src/secrets/file/file-names.ts';
import { openFileReader } from '../../../src/secrets/file/file-sink.ts';
import type { KeptText, StageSink } from './stage-sink.ts';

/** The file sink in `<folder>/secrets`, which is carried along with the folder. */
export function fileStageSink(folder: string): StageSink {
  const directory = join(folder, 'secrets');
  return {
    kind: 'file',
    env: { LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'true' },
    openReader: () => openFileReader({ directory, isEphemeral: true, env: {}, cwd: folder }),
    async texts() {
      const texts: KeptText[] = [];
      for (const file of await readdir(directory)) {
        if (file === '.gitignore') continue;
        const parsed = parseFileName(file);
        if (parsed?.kind !== 'visible') throw new Error(`the file ${file} in the sink is a leftover`);
        const text = await readFile(join(directory, file), 'utf8');
        texts.push({ name: parsed.name, place: file, text, isPast: false });
      }
      return texts;
    },
    take: () => Promise.resolve(new Map()),
    put: () => Promise.resolve(),
  };
}
