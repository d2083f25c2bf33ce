import type { Problem } from '../domain/errors.ts';
import { checkSettings, settingIn, settingsIn } from './check-settings.ts';
import { decodeText } from './decode-text.ts';
import { toProblems, withoutEchoes, type Finding } from './findings.ts';
import { secretSpans } from './secret-spans.ts';
import type { SettingKey } from './settings-keys.ts';
import type { Words } from './words.ts';
import { parseSyntax } from './yaml-syntax.ts';
import { locate } from './yaml-tree.ts';

/** What a settings file says, and what is wrong with it. */
export interface ParsedSettings {
  /** What the file gives, in its own form. */
  readonly values: ReadonlyMap<SettingKey, unknown>;
  readonly problems: readonly Problem[];
  /** A problem at a setting of the file. */
  problemAt(key: SettingKey, words: Words): Problem;
}

/** Reads the content of a settings file, `file` being the name that problems bear. An empty one sets nothing. */
export function parseSettings(input: Uint8Array | string, file: string): ParsedSettings {
  const { source, findings: undecoded } = decodeText(input, file);
  const syntax = undecoded.length > 0 ? { findings: undecoded } : parseSyntax(source.text);
  const refuse = (findings: readonly Finding[]): ParsedSettings => ({
    values: new Map(),
    problems: toProblems(source, findings, []),
    problemAt: (_, { message }) => ({ file, message }),
  });
  if ('findings' in syntax) return refuse(syntax.findings);
  if (syntax.root === null) return refuse([]);
  const { tree, findings } = locate(syntax.root, source);
  if (!tree) return refuse(findings);
  const hidden = secretSpans(tree);
  const problemAt = (key: SettingKey, words: Words): Problem => {
    const finding: Finding = { at: settingIn(tree, key)?.span ?? null, ...words };
    return toProblems(source, [finding], hidden)[0] ?? { file, message: words.message };
  };
  return {
    values: settingsIn(tree),
    problems: toProblems(source, [...findings, ...withoutEchoes(checkSettings(tree), findings)], hidden),
    problemAt,
  };
}
