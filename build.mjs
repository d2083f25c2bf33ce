/**
 * `npm run build`: one file for each command and for what commands share, with the packages that they use: loading hundreds of small
 * files took longer than most commands. Nothing is renamed or squeezed, so that a stack can be read.
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

await build({
  input: Object.fromEntries(['cli/main', ...HANDLES].map((name) => [name, `src/${name}.ts`])),
  platform: 'node',
  output: {
    dir: 'dist',
    cleanDir: true,
    entryFileNames: '[name].js',
    // As deep as the sources: what is found from a module's own place is found from here.
    chunkFileNames: 'chunks/[name].js',
  },
  plugins: [thirdPartyLicences()],
});

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
