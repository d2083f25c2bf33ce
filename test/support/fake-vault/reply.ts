/** A request after its token and policy were looked at. `path` is below the mount. */
export interface FakeRequest {
  readonly operation: 'read' | 'list' | 'write' | 'patch' | 'delete';
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Record<string, unknown>;
  readonly contentType: string;
}

export interface FakeReply {
  readonly status: number;
  readonly body?: Record<string, unknown>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is, instead of JSON. */
  readonly text?: string;
}

/** A refusal as a real server writes it; without a text, that there is nothing. */
export function refuse(status: number, ...errors: readonly string[]): FakeReply {
  return { status, body: { errors: [...errors] } };
}
