import type { Finding } from './findings.ts';
import { sourceText, type SourceText } from './source-text.ts';

/** The text of a file, without its byte order mark; where there are findings, it is none. */
interface Decoded {
  readonly source: SourceText;
  readonly findings: readonly Finding[];
}

/** Decodes UTF-8, strictly; where it is not valid, the text is what could be made of it, for the code frame. */
export function decodeText(input: Uint8Array | string, file: string): Decoded {
  if (typeof input === 'string')
    return { source: sourceText(file, input.replace(/^\ufeff/, '')), findings: [] };
  const text = decode(input, true);
  if (text !== undefined) return { source: sourceText(file, text), findings: [] };

  const source = sourceText(file, decode(input, false) ?? '');
  const isUtf16 = (input[0] === 0xff && input[1] === 0xfe) || (input[0] === 0xfe && input[1] === 0xff);
  if (isUtf16) {
    return { source, findings: [{ at: null, message: 'the file is in UTF-16; save it as UTF-8' }] };
  }
  const start = firstInvalid(input, source);
  return {
    source,
    findings: [{ at: { start, end: start + 1 }, message: 'this is not valid UTF-8; save the file as UTF-8' }],
  };
}

function decode(bytes: Uint8Array, isStrict: boolean): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: isStrict }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The offset in the text of the first bytes that are not UTF-8: the first replacement in the first bad line. */
function firstInvalid(bytes: Uint8Array, source: SourceText): number {
  let from = 0;
  for (const lineStart of source.lineStarts) {
    const end = bytes.indexOf(0x0a, from);
    const line = bytes.subarray(from, end === -1 ? bytes.length : end + 1);
    if (decode(line, true) === undefined)
      return lineStart + Math.max(0, source.text.slice(lineStart).indexOf('\ufffd'));
    from = end + 1;
  }
  return 0;
}
