import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSubscriptions } from '../../../src/config/parse-subscriptions.ts';
import { runCli, type CliResult } from '../../support/run-cli.ts';
import { demand, refuseSecrets, SECRETS, type Target } from '../target.ts';
import { subscriptions } from './subscriptions.ts';

const FILE = 'subscriptions.yaml';

/** The program as a process, with a file of subscriptions that others wrote. Needs the compiled program. */
export const cli: Target = {
  name: 'cli',
  // A process takes its time: a few will do, and what is made from them.
  corpus: subscriptions.corpus.filter((_, index) => index % 12 === 5),
  near: subscriptions.near,
  async open() {
    const folder = await mkdtemp(join(tmpdir(), 'linq-gitops-test-'));
    // Nothing may be sent for a file that is not good, and nobody listens there.
    const env = { LINQ_API_V3_BASE_URL: 'http://127.0.0.1:9', LINQ_API_V3_API_KEY: SECRETS.apiKey };
    return {
      async check(input) {
        await writeFile(join(folder, FILE), input);
        const isGood = parseSubscriptions(input, FILE).problems.length === 0;
        const validated = await runCli(['validate'], { cwd: folder, env });
        if (isGood) {
          demand(validated.code === 0, 'a good file is not valid', validated);
          refuseSecrets(validated.stdout + validated.stderr, ['apiKey']);
          return 'accepted';
        }
        checkRefusal(validated);
        checkRefusal(await runCli(['sync', '--dry-run'], { cwd: folder, env }));
        return 'refused';
      },
      close: () => rm(folder, { recursive: true }),
    };
  },
};

/** 78, nothing on stdout, and on stderr the problems with their places, then one error. */
function checkRefusal(result: CliResult): void {
  const { code, signal, stdout, stderr } = result;
  demand(code === 78 && signal === null && stdout === '', 'it does not end with 78', result);
  demand(
    !/[^\P{Cc}\n]|[\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(stderr),
    'it drives the terminal',
    result,
  );
  refuseSecrets(stderr);
  const blocks = stderr.trimEnd().split('\n\n');
  const last = blocks.pop() ?? '';
  demand(/^error: [^\n]+(\nhint: [^\n]+)?$/.test(last), 'it does not end with one error', result);
  demand(blocks.length > 0, 'it names no problem', result);
  for (const block of blocks) {
    const [head = '', ...rest] = block.split('\n');
    demand(/^subscriptions\.yaml(:\d+:\d+)?: \S/.test(head), 'a problem has no place', result);
    const isFramed = rest.every((line) => /^ {2}([> ] +\d+ \||> \d+ \|| +\||write: )/.test(line));
    demand(isFramed && rest.length > 0 === /:\d+:\d+: /.test(head), 'a problem has no frame', result);
  }
}
