import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './example-files.ts';
import type { KubernetesObject } from './kubernetes-set.ts';

/** Where kubernetes-types has the kinds of an API version. */
const MODULES: Readonly<Record<string, string>> = {
  v1: 'core/v1',
  'apps/v1': 'apps/v1',
  'networking.k8s.io/v1': 'networking/v1',
  'rbac.authorization.k8s.io/v1': 'rbac/v1',
};

/**
 * What is wrong with each object by Kubernetes' own OpenAPI schema: an unknown field at any depth, a missing one, a
 * value of another type. The types of kubernetes-types are generated from it, and literals are checked against them by
 * the compiler, all at once, since that is what takes time.
 */
export function schemaProblems(objects: readonly KubernetesObject[]): readonly (readonly string[])[] {
  const lines = objects.map(({ apiVersion, kind }, index) => {
    const from = MODULES[apiVersion];
    return from === undefined || !/^[A-Z][A-Za-z]+$/.test(kind)
      ? `export const o${index}: never = `
      : `export const o${index}: import('kubernetes-types/${from}.js').${kind} = `;
  });
  const text = objects.map((object, index) => `${lines[index] ?? ''}${JSON.stringify(object)};\n`).join('');
  const name = join(ROOT, 'test', 'objects.generated.mts');
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ['lib.es5.d.ts'],
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  };
  const host = ts.createCompilerHost(options);
  const program = ts.createProgram([name], options, {
    ...host,
    fileExists: (path) => path === name || host.fileExists(path),
    getSourceFile: (path, ...rest) =>
      path === name
        ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022)
        : host.getSourceFile(path, ...rest),
  });
  const problems = objects.map((): string[] => []);
  for (const { file, start, messageText } of ts.getPreEmitDiagnostics(program)) {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line : 0;
    problems[line]?.push(ts.flattenDiagnosticMessageText(messageText, ' '));
  }
  return problems;
}
