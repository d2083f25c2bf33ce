/**
 * `npm run build`: one file for each command and for what commands share, with the packages that they use: loading hundreds of small
 * files took longer than most commands. CommonJS, because Node has its loader at hand when it starts, and not the one of ES modules.
 * Nothing is renamed or squeezed, so that a stack can be read.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'rolldown';

/** What tests, benchmarks and the drawings of the docs take hold of, beside the program; they share its parts. */
const HANDLES = [
  'cli/run',
  'domain/errors',
  'emulator/emulator',
  'secrets/file/atomic-file',
  'secrets/file/file-state',
  'secrets/file/writer-mark',
];

/**
 * What stands in one file with all that it needs, whoever else needs it: the start of every process, and the files of every
 * command that has any. Loading a file takes longer than compiling one that is twice as long.
 */
const TOGETHER = [
  { name: 'start', test: /\/src\/cli\/(run|standard-output)\.ts$/ },
  { name: 'session', test: /\/src\/cli\/(session|document)\.ts$/ },
];

await build({
  input: Object.fromEntries(['cli/main', ...HANDLES].map((name) => [name, `src/${name}.ts`])),
  platform: 'node',
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'cjs',
    comments: { legal: true, annotation: false, jsdoc: false },
    entryFileNames: '[name].js',
    // As deep as the sources: what is found from a module's own place is found from here.
    chunkFileNames: 'chunks/[name].js',
    codeSplitting: { groups: TOGETHER },
  },
  plugins: [commonJsBelowDist(), withoutExecutables(), forV8(), thirdPartyLicences()],
});

/** The package is of ES modules, and what is built of it is not. */
function commonJsBelowDist() {
  return {
    name: 'commonjs-below-dist',
    generateBundle() {
      const source = `${JSON.stringify({ type: 'commonjs' })}\n`;
      this.emitFile({ type: 'asset', fileName: 'package.json', source });
    },
  };
}

/** commander can start commands that are programs of their own; there are none, and what starts them takes long to load. */
function withoutExecutables() {
  return {
    name: 'without-executables',
    resolveId: {
      filter: { id: /^node:child_process$/ },
      handler: (_id, importer) => (/\/node_modules\/commander\//.test(importer) ? '\0no-executables' : null),
    },
    load: { filter: { id: /^\0no-executables$/ }, handler: () => 'module.exports = {};' },
  };
}

/**
 * In the form that V8 takes fastest. Text with nothing beyond ASCII needs half of the space; what is beyond stands in strings
 * and patterns only. A function in parentheses is compiled when it is read; an arrow would be read once more when it is called,
 * as each package in a file is.
 */
function forV8() {
  const escape = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return {
    name: 'for-v8',
    generateBundle(_options, bundle) {
      for (const one of Object.values(bundle)) {
        if (one.type !== 'chunk') continue;
        one.code = one.code
          .replaceAll(/[^\0-\x7f]/g, escape)
          .replaceAll(/(?<=__commonJSMin\()\(\((\w*(?:, \w+)*)\) => \{/g, '(function ($1) {');
      }
    },
  };
}

/** The licences of the packages that went into the files ask for no more than to go along. */
function thirdPartyLicences() {
  return {
    name: 'third-party-licences',
    generateBundle(_options, bundle) {
      const folders = new Set(
        Object.values(bundle)
          .flatMap(({ moduleIds = [] }) => moduleIds)
          .flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id) ?? []),
      );
      const source = [...folders]
        .sort()
        .map(licenceOf)
        .join(`\n${'-'.repeat(80)}\n\n`);
      this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY-LICENSES.txt', source });
    },
  };
}

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
}
