import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FaultAction, WrongShape } from './faults.ts';
import { renderError } from './render.ts';
import type { LogEntry } from './request-log.ts';
import type { Answer } from './routes.ts';
import { sendJson, sendText } from './server.ts';
import type { Switches } from './switches.ts';

/** What an answer needs of its request. */
export interface ReplyContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly entry: LogEntry;
  readonly traceId: string;
  readonly switches: Switches;
  /** The server's time, in milliseconds since the epoch. */
  readonly now: number;
}

/** Error codes for a status that a fault gives without a code. */
const DEFAULT_CODES: Readonly<Record<number, number>> = {
  401: 2004,
  403: 2005,
  404: 2010,
  409: 2015,
  429: 1007,
  503: 4004,
  504: 3005,
};

/** Sends what the API answered, bent as the fault at its `end` wants it. */
export function reply(context: ReplyContext, answer: Answer, end: FaultAction | undefined): void {
  switch (end?.kind) {
    case 'reset':
      context.request.socket.resetAndDestroy();
      break;
    case 'hang':
      break;
    case 'truncate':
      truncate(context, answer);
      break;
    case 'shape':
      misshape(context, answer, end.body);
      break;
    case 'status':
      replyFault(context, end, answer);
      break;
    default:
      send(context, answer);
  }
}

/** Answers with the status of a fault: an error in Linq's shape, or below 400 what was committed. */
export function replyFault(
  context: ReplyContext,
  fault: Extract<FaultAction, { kind: 'status' }>,
  committed?: Answer,
): void {
  const { status, retryAfter } = fault;
  const headers: Record<string, string> =
    retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  if (status === 204 || status === 304) {
    send(context, { status, headers });
  } else if (status < 400) {
    send(context, { status, headers, body: committed?.body ?? {} });
  } else {
    const code = fault.code ?? DEFAULT_CODES[status] ?? (status < 500 ? 1005 : 3006);
    const body = renderError(status, code, `Scripted fault ${status}`, {
      switches: context.switches,
      traceId: context.traceId,
      retryAfter: typeof retryAfter === 'number' ? retryAfter : undefined,
    });
    send(context, { status, headers, body });
  }
}

function send(context: ReplyContext, { status, body, headers }: Answer): void {
  context.entry.status = status;
  sendJson(context.response, status, { ...commonHeaders(context), ...headers }, body);
}

function truncate(context: ReplyContext, { status, body }: Answer): void {
  const { response, request, entry } = context;
  if (body === undefined) {
    request.socket.resetAndDestroy();
    return;
  }
  entry.status = status;
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    ...commonHeaders(context),
    'content-type': 'application/json',
    'content-length': String(bytes.length),
  });
  // The half must be out before the end, or the client would see a reset without any answer.
  response.write(bytes.subarray(0, bytes.length / 2), () => request.socket.destroySoon());
}

function misshape(context: ReplyContext, answer: Answer, shape: WrongShape): void {
  const { response, entry } = context;
  const status = answer.status === 204 ? 200 : answer.status;
  const headers = commonHeaders(context);
  const json = { ...headers, 'content-type': 'application/json' };
  entry.status = status;
  switch (shape) {
    case 'html':
      sendText(response, status, { ...headers, 'content-type': 'text/html' }, '<html>Sign in</html>');
      break;
    case 'empty':
      sendText(response, status, json, '');
      break;
    case 'array':
      sendText(response, status, json, '[]');
      break;
    case 'null':
      sendText(response, status, json, 'null');
      break;
    case 'data':
      sendText(response, status, json, '{"data":[]}');
      break;
    case 'no-secret':
      sendJson(response, status, headers, { ...answer.body, signing_secret: undefined });
  }
}

/** Headers of every answer of the API. */
function commonHeaders({ traceId, now }: ReplyContext): Record<string, string> {
  return { date: new Date(now).toUTCString(), 'x-trace-id': traceId };
}
