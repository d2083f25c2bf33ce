// Draws docs/plan.svg from what `sync --dry-run` really prints, against the emulator: npm run docs:plan
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEmulator } from '../dist/emulator/emulator.js';

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const WIDTH = 100;

const SEED = {
  lines: ['+12025550101', '+12025550102', '+12025550199'],
  subscriptions: [
    {
      id: '5b0c1f0e-6a51-4f0e-9a55-0c3f8a1d2e77',
      target_url: 'https://crm.example.net/hooks/linq',
      subscribed_events: ['message.received'],
      created_at: '2026-03-02T16:45:30Z',
    },
  ],
};

const BEFORE = `version: 1
subscriptions:
  billing:
    target_url: https://hooks.example.com/billing?version=2026-02-03
    subscribed_events: [message.received, message.read]
    phone_numbers: ["+12025550101"]
  legacy:
    target_url: https://old.example.com/linq?version=2026-02-03
    subscribed_events: [message.received]
  support:
    target_url: https://hooks.example.com/support?version=2026-02-03
    subscribed_events: [message.received]
    phone_numbers: ["+12025550101", "+12025550102"]
`;

const AFTER = `version: 1
subscriptions:
  billing:
    target_url: https://hooks.example.com/billing?version=2026-02-03
    subscribed_events: [message.received, message.failed]
    phone_numbers: ["+12025550101"]
  orders:
    target_url: https://hooks.example.com/orders?version=2026-02-03
    subscribed_events: [message.received, message.failed]
  support:
    target_url: https://hooks.example.com/support?version=2026-02-03
    subscribed_events: [message.received]
    phone_numbers: all
`;

/** What the program prints, with colours, for a commit that does a bit of everything. */
export async function printPlan() {
  const emulator = await startEmulator({ seed: SEED });
  const folder = await mkdtemp(join(tmpdir(), 'linq-gitops-plan-'));
  const run = async (...argv) => {
    const child = spawn(process.execPath, [MAIN, ...argv], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        FORCE_COLOR: '1',
        LINQ_API_V3_BASE_URL: emulator.url,
        LINQ_API_V3_API_KEY: emulator.apiKey,
        LINQ_GITOPS_SECRETS_FILE_EPHEMERAL: 'true',
      },
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    await once(child, 'close');
    return output;
  };
  try {
    await writeFile(join(folder, 'subscriptions.yaml'), BEFORE);
    await run('sync');
    const billing = emulator.subscriptions().find(({ target_url }) => target_url.includes('/billing'));
    emulator.external.patch(billing.id, { phone_numbers: ['+12025550101', '+12025550199'] });
    await writeFile(join(folder, 'subscriptions.yaml'), AFTER);
    return await run('sync', '--dry-run');
  } finally {
    await emulator.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const COLOURS = { 31: '#f47067', 32: '#57ab5a', 33: '#c69026', 36: '#39c5cf' };

/** Terminal text as SVG: one `text` per line, one `tspan` per run of the same style. */
export function toSvg(ansi) {
  const lines = ansi.replace(/\n$/, '').split('\n');
  const height = lines.length * 20 + 32;
  const rows = lines.map((line, index) => {
    let style = {};
    const spans = line.split(/(\u001b\[\d+m)/).map((part) => {
      const code = /^\u001b\[(\d+)m$/.exec(part)?.[1];
      if (code === undefined) return part === '' ? '' : span(part, style);
      style = nextStyle(style, Number(code));
      return '';
    });
    return `  <text x="16" y="${index * 20 + 30}" xml:space="preserve">${spans.join('')}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH * 8.43 + 32} ${height}" role="img" aria-label="the output of linq-gitops sync --dry-run" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="14" fill="#adbac7">`,
    `  <rect width="100%" height="100%" rx="8" fill="#22272e"/>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}

function nextStyle(style, code) {
  if (code === 0) return {};
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 39) return { ...style, fill: undefined };
  return { ...style, fill: COLOURS[code] };
}

function span(text, { fill, bold, dim }) {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const attributes = [
    fill ? ` fill="${fill}"` : '',
    bold ? ' font-weight="600"' : '',
    dim ? ' opacity="0.65"' : '',
  ].join('');
  return attributes === '' ? escaped : `<tspan${attributes}>${escaped}</tspan>`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(new URL('plan.svg', import.meta.url), toSvg(await printPlan()));
}
