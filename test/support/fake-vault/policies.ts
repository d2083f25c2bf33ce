/** What the default policy of a real server grants, as far as clients use it. */
const DEFAULT_POLICY = `
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
path "sys/internal/ui/mounts/*" { capabilities = ["read"] }
`;

interface Rule {
  readonly pattern: string;
  readonly capabilities: readonly string[];
}

export interface PolicyStore {
  /** The rules of a policy in HCL; false where the text is none. */
  put(name: string, text: string): boolean;
  remove(name: string): void;
  /** What holders of `policies` may do on `path`, sorted; `deny` for nothing. */
  capabilities(policies: readonly string[], path: string): readonly string[];
  /** Whether they may do anything at or below `prefix`. */
  touches(policies: readonly string[], prefix: string): boolean;
}

export function createPolicyStore(): PolicyStore {
  const rules = new Map<string, readonly Rule[]>([['default', parse(DEFAULT_POLICY)]]);
  const rulesOf = (names: readonly string[]): readonly Rule[] =>
    names.flatMap((name) => rules.get(name) ?? []);
  return {
    put(name, text) {
      const parsed = parse(text);
      if (parsed.length > 0) rules.set(name, parsed);
      return parsed.length > 0;
    },
    remove: (name) => void rules.delete(name),
    capabilities(names, path) {
      if (names.includes('root')) return ['root'];
      const matching = rulesOf(names).filter(({ pattern }) => matches(pattern, path));
      // The most specific pattern counts, alone.
      const longest = Math.max(0, ...matching.map(({ pattern }) => pattern.length));
      const granted = matching.filter(({ pattern }) => pattern.length === longest);
      const all = new Set(granted.flatMap(({ capabilities }) => capabilities));
      return all.size === 0 || all.has('deny') ? ['deny'] : [...all].sort();
    },
    touches(names, prefix) {
      if (names.includes('root')) return true;
      return rulesOf(names).some(({ pattern }) => pattern.startsWith(prefix) || matches(pattern, prefix));
    },
  };
}

function parse(text: string): readonly Rule[] {
  const withoutComments = text.replace(/^\s*(#|\/\/).*$/gm, '');
  const found = withoutComments.matchAll(
    /path\s+"([^"]+)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]\s*,?\s*\}/g,
  );
  return [...found].map(([, pattern = '', list = '']) => ({
    pattern,
    capabilities: [...list.matchAll(/"([a-z]+)"/g)].map(([, capability = '']) => capability),
  }));
}

/** `*` at the end stands for anything, `+` for one segment. */
function matches(pattern: string, path: string): boolean {
  const isPrefix = pattern.endsWith('*');
  const body = isPrefix ? pattern.slice(0, -1) : pattern;
  const source = body
    .split('/')
    .map((segment) => (segment === '+' ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
    .join('/');
  return new RegExp(`^${source}${isPrefix ? '' : '$'}`).test(path);
}
