import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

/** The top of the project. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Files below a folder of the project, by their paths in it, sorted. */
export function listFiles(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The documents of a YAML file; fails on any error or warning, and on a key that stands twice. */
export function readYaml(path: string): readonly unknown[] {
  return parseYaml(readText(path), path);
}

/** As `readYaml`, of a text; `path` is for messages. */
export function parseYaml(text: string, path: string): readonly unknown[] {
  return parseAllDocuments(text, { uniqueKeys: true, strict: true }).map((document) => {
    const wrong = [...document.errors, ...document.warnings][0];
    if (wrong) throw new Error(`${path}: ${wrong.message}`);
    return document.toJS() as unknown;
  });
}
