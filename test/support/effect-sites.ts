import { readdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import ts from 'typescript';

/*
 * Where the source has effects: every call of what writes, and every way on which the reconciler comes to it. Types
 * tell what a call is of, so that neither another name nor another file hides one.
 */

const ROOT = new URL('../../', import.meta.url).pathname;
const RECONCILER = 'src/reconcile/';
/** What writes exported files: its effects are on the file system. */
const EXPORT = ['src/secrets/export/', 'src/secrets/file/safe-file.ts'];

/** What has an effect, by its contract. What goes on inside of such a call is killed by the tests of its own folder. */
const CONTRACTS: Readonly<Record<string, { readonly as: string; readonly members: readonly string[] }>> = {
  LinqWriter: { as: 'writer.', members: ['createSubscription', 'updateSubscription', 'deleteSubscription'] },
  SecretSink: { as: 'sink.', members: ['write', 'writeInstallation', 'remove'] },
  Records: { as: 'records.', members: ['write', 'remove'] },
  ApplyContext: { as: '', members: ['showSecrets'] },
  PassContext: { as: '', members: ['showSecrets'] },
  KeepSecrets: { as: '', members: ['keep'] },
};

const ON_FILES = [
  'mkdir',
  'open',
  'chmod',
  'chown',
  'link',
  'symlink',
  'rename',
  'unlink',
  'rm',
  'writeFile',
];

/** One mention of an effect, or of a function that leads to one. */
interface Step {
  /** The function that it stands in, as `create.ts createEntry`; and the one, or the effect, that it leads to. */
  readonly from: string;
  readonly to: string;
  readonly isEffect: boolean;
  /** Where a stack says that it is, `file:line:column`: the name, or the `await` before it. */
  readonly places: readonly string[];
}

export interface EffectSites {
  /**
   * Every way from a root to an effect, as `activate: writer.updateSubscription`; not those through another root. What
   * a function does in several places has a number: `giveUp#2`.
   */
  pathsFrom(root: string): readonly string[];
  /** What leads to an effect on no way from a root, and does not lead to it through one. */
  readonly strays: readonly string[];
  /** Effects that are mentioned without being called, and those outside of the reconciler. */
  readonly handedOn: readonly string[];
  readonly elsewhere: readonly string[];
  /** The one way on which a stack, of `file:line:column`, came to an effect: its root, and the way from there. */
  pathOf(frames: readonly string[]): { readonly root: string; readonly at: string };
}

/** Reads the whole source. `roots`: the functions that ways begin with, as `create.ts createEntry`. */
export function findEffects(roots: readonly string[]): EffectSites {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  const program = openProgram(
    files.filter((file) => file.endsWith('.ts')).map((file) => join(ROOT, 'src', file)),
  );
  const checker = program.getTypeChecker();
  const steps: Step[] = [];
  const handedOn: string[] = [];
  const elsewhere: string[] = [];
  for (const source of program.getSourceFiles()) {
    const file = relative(ROOT, source.fileName);
    if (!file.startsWith('src/')) continue;
    eachName(source, (name) => {
      const effect =
        effectAt(name, checker) ?? (isIn(file, EXPORT) ? fileEffectAt(name, checker) : undefined);
      const to = effect ?? functionAt(name, checker);
      if (to === undefined) return;
      const call = callOf(name);
      const from = ownerOf(name);
      if (!isIn(file, [RECONCILER, ...EXPORT])) {
        if (effect !== undefined) elsewhere.push(`${file}: ${effect}`);
        return;
      }
      if (effect !== undefined && ts.isBinaryExpression(name.parent)) return;
      if (effect !== undefined && call === undefined) handedOn.push(`${from}: ${effect}`);
      else steps.push({ from, to, isEffect: effect !== undefined, places: placesOf(name, call, file) });
    });
  }
  return { ...sitesOf(steps, roots), handedOn: [...new Set(handedOn)], elsewhere };
}

function openProgram(files: readonly string[]): ts.Program {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    lib: ['lib.es2023.d.ts'],
    types: [],
    strict: true,
  };
  const host = ts.createCompilerHost(options);
  // Our own contracts are all that is looked for, so packages are left out.
  host.resolveModuleNameLiterals = (literals, from) =>
    literals.map(({ text }) => ({
      resolvedModule: text.startsWith('.')
        ? { resolvedFileName: join(from, '..', text), extension: ts.Extension.Ts }
        : undefined,
    }));
  return ts.createProgram(files, options, host);
}

function isIn(file: string, places: readonly string[]): boolean {
  return places.some((place) => file.startsWith(place));
}

function eachName(node: ts.Node, visit: (name: ts.Identifier) => void): void {
  if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return;
  if (ts.isIdentifier(node)) visit(node);
  ts.forEachChild(node, (child) => eachName(child, visit));
}

/** The effect that a name is of, also where it was taken out of its context, or is a parameter. */
function effectAt(name: ts.Identifier, checker: ts.TypeChecker): string | undefined {
  if (ts.isBindingElement(name.parent) || ts.isParameter(name.parent)) return undefined;
  const declared = symbolAt(name, checker)?.declarations?.[0];
  const signature = declared && ts.isBindingElement(declared) ? boundMember(declared, checker) : declared;
  if (signature === undefined || signature === name.parent) return undefined;
  if (!ts.isMethodSignature(signature) && !ts.isPropertySignature(signature) && !ts.isParameter(signature))
    return undefined;
  const contract = ts.isInterfaceDeclaration(signature.parent) ? signature.parent.name : signature.type;
  const { as, members } = CONTRACTS[contract?.getText() ?? ''] ?? { as: '', members: [] };
  const member = signature.name.getText();
  return members.includes(member) ? `${as}${member}` : undefined;
}

/** What changes the file system: a function of Node's, or a method of a file that was made with one. */
function fileEffectAt(name: ts.Identifier, checker: ts.TypeChecker): string | undefined {
  if (!ON_FILES.includes(name.text)) return undefined;
  if (ts.isPropertyAccessExpression(name.parent) && name.parent.name === name) {
    const handle = checker.getSymbolAtLocation(name.parent.expression)?.valueDeclaration;
    const made = handle && ts.isVariableDeclaration(handle) ? handle.initializer : undefined;
    const isHandle = made !== undefined && ts.isAwaitExpression(made) && isFileCall(made.expression, checker);
    return isHandle ? `file.${name.text}` : undefined;
  }
  const call = callOf(name);
  return call !== undefined && isFileCall(call, checker) ? `fs.${name.text}` : undefined;
}

/** `open` without a mode makes nothing. */
function isFileCall(call: ts.Expression, checker: ts.TypeChecker): boolean {
  if (!ts.isCallExpression(call) || !ts.isIdentifier(call.expression)) return false;
  const imported = checker.getSymbolAtLocation(call.expression)?.declarations?.[0];
  if (imported === undefined || !ts.isImportSpecifier(imported)) return false;
  const module = imported.parent.parent.parent.moduleSpecifier.getText();
  return module === "'node:fs/promises'" && (call.expression.text !== 'open' || call.arguments.length === 3);
}

function boundMember(element: ts.BindingElement, checker: ts.TypeChecker): ts.Declaration | undefined {
  const bound = (element.propertyName ?? element.name).getText();
  return checker.getTypeAtLocation(element.parent).getProperty(bound)?.declarations?.[0];
}

/** The function of the reconciler, or the table of them, that a name is of where it is not its own declaration. */
function functionAt(name: ts.Identifier, checker: ts.TypeChecker): string | undefined {
  const declared = symbolAt(name, checker)?.valueDeclaration;
  if (declared === undefined || declared === name.parent || !isOwner(declared)) return undefined;
  const file = relative(ROOT, declared.getSourceFile().fileName);
  return isIn(file, [RECONCILER, ...EXPORT]) ? nameOf(declared) : undefined;
}

function symbolAt(name: ts.Identifier, checker: ts.TypeChecker): ts.Symbol | undefined {
  const symbol = ts.isShorthandPropertyAssignment(name.parent)
    ? checker.getShorthandAssignmentValueSymbol(name.parent)
    : checker.getSymbolAtLocation(name);
  const isAlias = symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0;
  return isAlias ? checker.getAliasedSymbol(symbol) : symbol;
}

type Owner = ts.MethodDeclaration | ts.FunctionDeclaration | ts.VariableDeclaration;

/** A method, a function of a file, or a constant of it: whatever stands inside is theirs. */
function isOwner(node: ts.Node): node is Owner {
  if (ts.isMethodDeclaration(node)) return true;
  if (ts.isFunctionDeclaration(node)) return ts.isSourceFile(node.parent);
  return ts.isVariableDeclaration(node) && ts.isSourceFile(node.parent.parent.parent);
}

function nameOf(owner: Owner): string {
  return `${basename(owner.getSourceFile().fileName)} ${owner.name?.getText() ?? ''}`;
}

function ownerOf(node: ts.Node): string {
  const owner = ts.findAncestor(node.parent, isOwner);
  return owner === undefined ? basename(node.getSourceFile().fileName) : nameOf(owner);
}

function callOf(name: ts.Identifier): ts.CallExpression | undefined {
  const callee = ts.isPropertyAccessExpression(name.parent) ? name.parent : name;
  const { parent } = callee;
  return ts.isCallExpression(parent) && parent.expression === callee ? parent : undefined;
}

function placesOf(name: ts.Identifier, call: ts.CallExpression | undefined, file: string): readonly string[] {
  const awaited = call && ts.findAncestor(call, (node) => ts.isAwaitExpression(node) || ts.isStatement(node));
  const nodes = [name, ...(awaited && ts.isAwaitExpression(awaited) ? [awaited] : [])];
  return nodes.map((node) => {
    const { line, character } = node.getSourceFile().getLineAndCharacterOfPosition(node.getStart());
    return `${file}:${line + 1}:${character + 1}`;
  });
}

interface Way {
  readonly path: string;
  readonly steps: readonly Step[];
}

function sitesOf(
  all: readonly Step[],
  roots: readonly string[],
): Pick<EffectSites, 'pathsFrom' | 'strays' | 'pathOf'> {
  const leading = leadingTo(all, roots);
  const steps = all.filter(({ to, isEffect }) => isEffect || leading.has(to));
  const ways = new Map(roots.map((root) => [root, waysFrom(root, [])]));
  const onWays = new Set([...ways.values()].flat().flatMap((way) => way.steps));
  const telling = new Set([...onWays].flatMap(({ places }) => places));

  function waysFrom(from: string, before: readonly string[]): readonly Way[] {
    if (before.includes(from)) return [];
    return steps
      .filter((step) => step.from === from)
      .flatMap((step) =>
        step.isEffect
          ? [{ path: numbered(step), steps: [step] }]
          : waysFrom(step.to, [...before, from]).map((way) => ({
              path: `${numbered(step)}${way.steps.length === 1 ? ': ' : ' > '}${way.path}`,
              steps: [step, ...way.steps],
            })),
      );
  }

  function numbered(step: Step): string {
    const same = steps.filter(({ from, to }) => from === step.from && to === step.to);
    const name = step.to.split(' ').at(-1) ?? step.to;
    return same.length === 1 ? name : `${name}#${same.indexOf(step) + 1}`;
  }

  return {
    pathsFrom: (root) => (ways.get(root) ?? []).map(({ path }) => path),
    strays: steps.filter((step) => !onWays.has(step)).map(({ from, to }) => `${from}: ${to}`),
    pathOf(frames) {
      const seen = frames.filter((frame) => telling.has(frame));
      const found = [...ways].flatMap(([root, ofRoot]) =>
        ofRoot.filter((way) => isWayOf(way, seen)).map(({ path: at }) => ({ root, at })),
      );
      const [only, ...others] = found;
      if (only !== undefined && others.length === 0) return only;
      const which = found.map(({ root, at }) => `${root}: ${at}`).join(' or ') || 'none';
      throw new Error(`on which way did it come to this effect? ${which}, by ${frames.join(', ')}`);
    },
  };
}

/** The functions that lead to an effect, and are no roots: what these do is theirs. */
function leadingTo(steps: readonly Step[], roots: readonly string[]): ReadonlySet<string> {
  const leading = new Set<string>();
  for (let before = -1; before < leading.size;) {
    before = leading.size;
    for (const { from, to, isEffect } of steps)
      if (!roots.includes(from) && (isEffect || leading.has(to))) leading.add(from);
  }
  return leading;
}

/** The effect is the innermost; further out, a function that has ended before its answer came is missing. */
function isWayOf({ steps }: Way, frames: readonly string[]): boolean {
  const inward = [...steps].reverse();
  const [first = ''] = frames;
  if (inward[0]?.places.includes(first) !== true) return false;
  let at = 0;
  return frames.every((frame) => {
    at = inward.findIndex((step, index) => index >= at && step.places.includes(frame)) + 1;
    return at > 0;
  });
}
