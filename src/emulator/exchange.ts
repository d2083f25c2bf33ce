import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from './account.ts';
import { isPause } from './faults.ts';
import type { FaultAction, FaultBook, Hit } from './faults.ts';
import { reply, replyFault } from './replies.ts';
import { logRequest, targetUrlIn } from './request-log.ts';
import type { LogEntry, RequestLog } from './request-log.ts';
import { identify, perform } from './routes.ts';
import type { Answer, ApiCall } from './routes.ts';
import { pathOf, readBody } from './server.ts';

/** Everything that the requests of one emulator share. */
export interface Emulation {
  readonly account: Account;
  readonly faults: FaultBook;
  readonly log: RequestLog;
  /** Requests that will be committed later. */
  readonly landings: Set<Landing>;
  /** Aborted when the emulator closes: nothing is committed from then on. */
  readonly stopping: AbortSignal;
}

interface Landing {
  readonly sequence: number;
  /** Requests that are still to be answered first. */
  remaining: number;
  land(): void;
}

interface Exchange {
  readonly emulation: Emulation;
  readonly call: ApiCall;
  readonly hits: readonly Hit[];
  /** The fault that decides how the request ends. */
  readonly end: FaultAction | undefined;
  readonly entry: LogEntry;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: string;
  readonly traceId: string;
}

/** Answers one request to the API, with the faults that hit it (in the order drawn in faults.ts). */
export async function answerApi(
  emulation: Emulation,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const call = identify(request.method ?? '', pathOf(request));
  const entry = logRequest(emulation.log, call, emulation.account.now());
  const hits = emulation.faults.take(call);
  const end = hits.find((hit) => !isPause(hit.action))?.action;
  try {
    if (end?.kind === 'refuse') {
      request.socket.resetAndDestroy();
      return;
    }
    const body = await readBody(request);
    if (body === undefined) return;
    entry.target_url = targetUrlIn(body);
    const traceId = randomBytes(16).toString('hex');
    await respond({ emulation, call, hits, end, entry, request, response, body, traceId });
  } finally {
    countDown(emulation, entry.sequence);
  }
}

async function respond(exchange: Exchange): Promise<void> {
  const { emulation, end } = exchange;
  await pause(exchange, 'before');
  if (emulation.stopping.aborted || (end?.kind === 'hang' && end.commit !== true)) return;
  if (end?.kind === 'late') {
    postpone(exchange, end);
  } else if (end?.kind === 'status' && end.commit !== true) {
    replyFault(replyContext(exchange), end);
  } else {
    const answer = commit(exchange);
    await pause(exchange, 'after');
    reply(replyContext(exchange), answer, end);
  }
}

function commit({ emulation, call, request, body, traceId, end }: Exchange): Answer {
  const { authorization } = request.headers;
  return perform(
    emulation.account,
    call,
    { authorization, body, traceId },
    {
      writesAgo: end?.kind === 'stale' ? end.writes : 0,
      drop: end?.kind === 'partial' ? end.drop : 0,
    },
  );
}

/** Lets the client go now, and commits later. */
function postpone(exchange: Exchange, end: Extract<FaultAction, { kind: 'late' }>): void {
  const { emulation, entry, hits, request } = exchange;
  const landing: Landing = {
    sequence: entry.sequence,
    remaining: end.landAfter ?? Infinity,
    land() {
      takeBack?.();
      emulation.landings.delete(landing);
      if (!emulation.stopping.aborted) commit(exchange);
    },
  };
  const takeBack = hits.find((hit) => hit.action === end)?.wait(() => landing.land());
  emulation.landings.add(landing);
  if (end.client !== 'hang') request.socket.resetAndDestroy();
  if (landing.remaining === 0) landing.land();
}

/** The request `sequence` has been dealt with: what waits for it lands, if it came before. */
function countDown(emulation: Emulation, sequence: number): void {
  for (const landing of [...emulation.landings]) {
    if (landing.sequence >= sequence) continue;
    landing.remaining--;
    if (landing.remaining === 0) landing.land();
  }
}

async function pause({ hits, emulation }: Exchange, at: 'before' | 'after'): Promise<void> {
  const { stopping } = emulation;
  for (const hit of hits) {
    const { action } = hit;
    if (stopping.aborted || !isPause(action) || (action.at ?? 'before') !== at) continue;
    if (action.kind === 'delay') await delay(action.ms, stopping);
    else await released(hit, stopping);
  }
}

function released(hit: Hit, stopping: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const takeBack = hit.wait(go);
    function go(): void {
      stopping.removeEventListener('abort', go);
      takeBack();
      resolve();
    }
    stopping.addEventListener('abort', go);
  });
}

async function delay(ms: number, stopping: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal: stopping });
  } catch (error) {
    if (!(error instanceof Error && error.name === 'AbortError')) throw error;
  }
}

function replyContext({ request, response, entry, traceId, emulation }: Exchange) {
  const { switches, now } = emulation.account;
  return { request, response, entry, traceId, switches, now: now() };
}
