import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';

export interface CompiledProgram {
  readonly directory: string;
  remove(): Promise<void>;
}

/**
 * Compiles folders of src, with those they import, into a temporary folder, for tests that start processes of
 * their own. Types are not checked here.
 */
export async function compileProgram(folders: readonly string[]): Promise<CompiledProgram> {
  const source = new URL('../../src/', import.meta.url).pathname;
  const directory = await mkdtemp(join(tmpdir(), 'linq-gitops-program-'));
  await writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module' }));
  const compilerOptions: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  for (const folder of folders) {
    for (const file of await readdir(join(source, folder), { recursive: true })) {
      if (!file.endsWith('.ts') || file.endsWith('.d.ts')) continue;
      const fileName = join(source, folder, file);
      const { outputText } = ts.transpileModule(await readFile(fileName, 'utf8'), {
        fileName,
        compilerOptions,
      });
      const target = join(directory, folder, file.replace(/\.ts$/, '.js'));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, outputText);
    }
  }
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}
