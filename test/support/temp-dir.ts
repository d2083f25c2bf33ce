import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Makes an empty folder of mode 0700 that is removed when the test ends. Call it inside a test. */
export async function makeTempDir(parent: string = tmpdir()): Promise<string> {
  const directory = await mkdtemp(join(parent, 'linq-gitops-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
