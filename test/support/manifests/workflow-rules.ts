import { parseYaml, readYaml } from './example-files.ts';

interface Step {
  name?: string;
  id?: string;
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
}

interface Job {
  if?: string;
  needs?: string;
  environment?: string;
  permissions?: Record<string, string>;
  concurrency?: { group: string; 'cancel-in-progress'?: unknown };
  'timeout-minutes'?: number;
  env?: Record<string, string>;
  steps: Step[];
}

/** A workflow of GitHub, as far as the rules look at it. */
export interface Workflow {
  on: Record<string, unknown>;
  permissions?: Record<string, string>;
  env?: Record<string, string>;
  jobs: Record<string, Job>;
}

/** A workflow by its text. */
export function parseWorkflow(text: string): Workflow {
  return parseYaml(text, 'the workflow')[0] as Workflow;
}

export type WorkflowName = 'with-daemon' | 'without-daemon';

/** Read anew, so that a test may change what it gets. */
export function readWorkflow(name: WorkflowName): Workflow {
  return readYaml(`config.example/github/${name}.yml`)[0] as Workflow;
}

/** The step of a job by its name; fails where there is none. */
export function stepOf(workflow: Workflow, job: string, name: string): Step {
  const found = workflow.jobs[job]?.steps.find((step) => step.name === name);
  if (!found) throw new Error(`no step ${name} in ${job}`);
  return found;
}

/** What stands behind every `uses:` of a workflow's text, the comment with the version included. */
export function actionsOf(text: string): readonly string[] {
  return [...text.matchAll(/^\s*(?:- )?uses:\s*(.*)$/gm)].map(([, action = '']) => action.trim());
}

/** What every workflow keeps to, whatever it does, in words. */
export function commonProblems(text: string): readonly string[] {
  const workflow = parseWorkflow(text);
  const writes = Object.entries(workflow.permissions ?? {}).filter(([, level]) => level !== 'read');
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
  return [
    ...actionsOf(text)
      .filter((action) => !/^[\w.-]+(?:\/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))
      .map((action) => `not pinned: ${action}`),
    ...(typeof workflow.permissions === 'object' ? [] : ['no permissions of the workflow']),
    ...writes.map(([scope]) => `every job may write ${scope}`),
    ...['pull_request_target', 'workflow_run', 'issue_comment'].filter((event) => event in workflow.on),
    ...Object.entries(workflow.jobs)
      .filter(([, job]) => job['timeout-minutes'] === undefined)
      .map(([name]) => `${name}: no timeout-minutes`),
    ...steps
      .filter(({ run }) => run?.includes('${{') === true)
      .map(({ name }) => `an expression in a script: ${name ?? ''}`),
    ...steps
      .filter(({ uses }) => uses?.startsWith('actions/checkout@'))
      .filter((step) => step.with?.['persist-credentials'] !== false)
      .map(() => 'persist-credentials'),
  ];
}

const FORK_GUARD = 'github.event.pull_request.head.repo.full_name == github.repository';

/** What is unsafe in a workflow, in words. */
export function workflowProblems(workflow: Workflow): readonly string[] {
  return [
    ...['pull_request_target', 'workflow_run', 'issue_comment'].filter((event) => event in workflow.on),
    ...(JSON.stringify(workflow.permissions) === '{}' ? [] : ['permissions of the workflow']),
    ...(JSON.stringify(workflow.env ?? {}).includes('secrets.') ? ['a secret for every job'] : []),
    ...Object.entries(workflow.jobs).flatMap(([name, job]) =>
      jobProblems(job, name, workflow).map((problem) => `${name}: ${problem}`),
    ),
  ];
}

function jobProblems(job: Job, name: string, workflow: Workflow): readonly string[] {
  const text = JSON.stringify(job);
  const isTrusted = text.includes('secrets.') || 'id-token' in (job.permissions ?? {});
  const isForPulls = job.if === undefined || !job.if.includes("github.event_name != 'pull_request'");
  return [
    ...(job.permissions === undefined ? ['no permissions'] : []),
    ...Object.entries(job.permissions ?? {})
      .filter(([scope, level]) => level !== 'read' && scope !== 'pull-requests' && scope !== 'id-token')
      .map(([scope]) => `may write ${scope}`),
    ...(job['timeout-minutes'] === undefined ? ['no timeout-minutes'] : []),
    ...(isTrusted && isForPulls && job.if !== FORK_GUARD ? ['secrets for forks'] : []),
    ...(isTrusted && job.environment === undefined ? ['no environment'] : []),
    ...(isTrusted && job.concurrency?.['cancel-in-progress'] !== false ? ['concurrency'] : []),
    ...(isTrusted && isForPulls && job.needs !== 'validate' ? ['not after validate'] : []),
    ...(name === 'sync' && !job.if?.includes("github.ref == 'refs/heads/main'") ? ['not only main'] : []),
    ...(JSON.stringify(job.env ?? {}).includes('secrets.') ? ['a secret for every step'] : []),
    ...job.steps.flatMap((step) => stepProblems(step, isForPulls && 'pull_request' in workflow.on)),
  ];
}

function stepProblems(step: Step, isForPulls: boolean): readonly string[] {
  const inputs = step.with ?? {};
  const isCheckout = step.uses?.startsWith('actions/checkout@') ?? false;
  const isProposed = isCheckout && inputs['path'] === 'proposed';
  return [
    ...(step.run?.includes('${{') === true ? [`an expression in a script: ${step.name ?? ''}`] : []),
    ...(/LINQ_API_KEY|secrets\./.test(step.run ?? '') ? ['a secret in a script'] : []),
    ...(step.uses !== undefined && !/^actions\/[a-z-]+@[0-9a-f]{40}$/.test(step.uses)
      ? [`uses ${step.uses}`]
      : []),
    ...(isCheckout && inputs['persist-credentials'] !== false ? ['persist-credentials'] : []),
    // Everything but the one file comes from the base branch, the program's version included.
    ...(isForPulls && isCheckout && !isProposed && !/\.base\.ref \}\}$/.test(String(inputs['ref']))
      ? ['settings of the pull request']
      : []),
    ...(isProposed && inputs['sparse-checkout'] !== '/subscriptions.yaml' ? ['more than the file'] : []),
    ...(/npm (ci|install)/.test(step.run ?? '') && !step.run?.includes('--ignore-scripts')
      ? ['scripts of packages']
      : []),
    ...(step.run?.includes('npx ') === true && !step.run.includes('npx --no-install ')
      ? ['a program from the network']
      : []),
  ];
}
