/** An instruction of a Dockerfile, its lines joined. */
interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The stages of a Dockerfile, each with its base, in their order. */
export interface Stage {
  readonly base: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

export function parseDockerfile(text: string): readonly Stage[] {
  const joined = text.replace(/^#.*\n/gm, '').replace(/\\\n\s*/g, '');
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of joined.split('\n').filter((one) => one.trim() !== '')) {
    const [, name = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`not an instruction: ${line}`);
    const [, base, stage] = name === 'FROM' ? (/^(?:--\S+ )?(\S+)(?: AS (\S+))?$/.exec(rest) ?? []) : [];
    if (base !== undefined) stages.push({ base, name: stage, instructions: [] });
    else stages.at(-1)?.instructions.push({ name, rest });
  }
  return stages;
}

/** The last stage, which is the image. */
export function imageOf(stages: readonly Stage[]): Stage {
  const last = stages.at(-1);
  if (!last) throw new Error('no stage');
  return last;
}

/** What stands behind the last instruction of this name; '' where there is none. */
export function lastOf({ instructions }: Stage, name: string): string {
  return instructions.findLast((one) => one.name === name)?.rest ?? '';
}

/** The words of an instruction in exec form. */
export function execForm(rest: string): readonly string[] {
  return JSON.parse(rest.slice(rest.indexOf('['))) as readonly string[];
}

/** What is copied into the stage: from the context or another stage, and where to. */
export function copiesOf({ instructions }: Stage): readonly {
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}[] {
  return instructions
    .filter(({ name }) => name === 'COPY' || name === 'ADD')
    .map(({ rest }) => {
      const words = rest.split(' ');
      const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
      const paths = words.filter((word) => !word.startsWith('--'));
      return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
    });
}

/** What is wrong with the image that it makes, in words. */
export function dockerfileProblems(stages: readonly Stage[]): readonly string[] {
  const image = imageOf(stages);
  const all = stages.flatMap(({ instructions }) => instructions);
  const user = lastOf(image, 'USER');
  const health = lastOf(image, 'HEALTHCHECK');
  return [
    ...stages.flatMap(({ base }) =>
      /:[\w.-]+$|@sha256:[0-9a-f]{64}$/.test(base) && !base.endsWith(':latest') ? [] : [`FROM ${base}`],
    ),
    ...(/^[1-9]\d*(:\d+)?$/.test(user) ? [] : [`USER ${user}`]),
    ...(lastOf(image, 'ENTRYPOINT').startsWith('[') ? [] : ['ENTRYPOINT']),
    ...(/CMD \[/.test(health) ? [] : ['HEALTHCHECK']),
    // There is no shell in it.
    ...image.instructions.filter(({ name }) => name === 'RUN').map(({ rest }) => `RUN ${rest}`),
    ...all.filter(({ name }) => name === 'ADD').map(({ rest }) => `ADD ${rest}`),
    ...all
      .filter(({ name, rest }) => ['ARG', 'ENV'].includes(name) && /TOKEN|KEY|SECRET|PASSWORD/i.test(rest))
      .map(({ name, rest }) => `${name} ${rest}`),
    ...copiesOf(image).flatMap(({ sources }) => (sources.includes('.') ? ['COPY .'] : [])),
    ...(lastOf(image, 'ENV').includes('NODE_ENV=production') ? [] : ['NODE_ENV']),
    ...(stages.some(({ instructions }) => instructions.some(({ rest }) => rest.includes('npm ci --omit=dev')))
      ? []
      : ['development packages']),
    ...['title', 'licenses', 'version', 'revision'].filter(
      (label) => !lastOf(image, 'LABEL').includes(`org.opencontainers.image.${label}=`),
    ),
  ];
}
