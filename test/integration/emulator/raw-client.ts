import { request } from 'node:http';
import { onTestFinished } from 'vitest';
import { startEmulator } from '../../../src/emulator/emulator.ts';
import type { Emulator, EmulatorOptions } from '../../../src/emulator/emulator.ts';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A body of the API; which of the fields are there is what the tests find out. */
export interface Json {
  readonly id: string;
  readonly target_url: string;
  readonly phone_numbers?: readonly string[] | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly signing_secret: string;
  readonly subscriptions: readonly Json[];
  readonly success: boolean;
  readonly error: {
    readonly status: number;
    readonly code: number;
    readonly doc_url: string;
    readonly retry_after?: number;
  };
  readonly trace_id: string;
}

export const LINES = ['+12025550101', '+12025550102'];
export const EVENTS = ['message.received', 'message.failed'];
export const SUBSCRIPTIONS = '/v3/webhook-subscriptions';

/** An emulator for one test, without subscriptions and with two lines; closed at its end. */
export async function openEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const emulator = await startEmulator({ seed: { subscriptions: [], lines: LINES }, ...options });
  onTestFinished(() => emulator.close());
  return emulator;
}

/** One request on a connection of its own; rejects where no whole answer comes. Objects are sent as JSON. */
export function send(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  const payload = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const length = { 'content-length': String(Buffer.byteLength(payload)) };
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...length, ...headers }, agent: false };
    const sending = request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    sending.on('error', reject);
    sending.end(payload);
  });
}

/** One request to the API with the emulator's key. */
export function callApi(
  emulator: Emulator,
  method: string,
  path: string,
  body?: unknown,
): Promise<RawAnswer> {
  return send(method, emulator.url + path, body, { authorization: `Bearer ${emulator.apiKey}` });
}

export function json(answer: RawAnswer): Json {
  return JSON.parse(answer.text) as Json;
}

/** Creates a subscription over the API; fails unless it is made. */
export async function create(
  emulator: Emulator,
  url = 'https://hooks.example.com/a',
  fields = {},
): Promise<Json> {
  const answer = await callApi(emulator, 'POST', SUBSCRIPTIONS, {
    target_url: url,
    subscribed_events: EVENTS,
    ...fields,
  });
  if (answer.status !== 201) throw new Error(`not created: ${answer.status} ${answer.text}`);
  return json(answer);
}

/** The URLs of the list, in its order. */
export async function listedUrls(emulator: Emulator): Promise<string[]> {
  const answer = await callApi(emulator, 'GET', SUBSCRIPTIONS);
  return json(answer).subscriptions.map((subscription) => subscription.target_url);
}
