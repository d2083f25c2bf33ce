// The layers of the design, and the strict typed rules, in one place. Run by `npm run check`.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** folder → what it may import from the rest of src; a file name is the one door into that folder. */
const layers = {
  domain: [],
  plan: ['domain'],
  config: ['domain'],
  http: ['domain'],
  linq: ['domain', 'http'],
  secrets: ['domain', 'http'],
  reconcile: ['domain', 'plan', 'linq/linq-api.ts', 'secrets/sink.ts', 'secrets/read-all.ts'],
  daemon: ['domain', 'reconcile', 'config'],
  emulator: ['domain'],
};

const zones = Object.entries(layers).map(([folder, allowed]) => ({
  target: `./src/${folder}`,
  from: './src',
  except: [`./${folder}`, ...allowed.map((place) => `./${place}`)],
  message: `src/${folder} may import only: ${allowed.join(', ') || 'nothing'}.`,
}));

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'test/fixtures', 'src/config/*-validator.ts'] },
  { files: ['src/**/*.ts', 'test/**/*.ts'], extends: tseslint.configs.strictTypeChecked },
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    plugins: { 'import-x': importX },
    languageOptions: {
      parserOptions: { project: ['./test/tsconfig.json'], tsconfigRootDir: root },
    },
    settings: { 'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] } },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { basePath: root, zones }],
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'max-lines': ['error', { max: 350, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'max-lines': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);
