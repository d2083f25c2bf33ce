import { createHttpClient, type HttpClient, type HttpClientOptions } from '../../src/http/http-client.ts';

/** A client whose waits are recorded instead of waited for; its clock moves by them alone. */
export interface TestClient {
  readonly http: HttpClient;
  /** The waits between attempts, in ms. */
  readonly waits: readonly number[];
}

/** The start of the test client's clock. */
export const TEST_START = Date.parse('2026-09-01T12:00:00Z');

/** Every wait is half of what it may be, so that it is the same in every run. */
export function createTestClient(options: Partial<HttpClientOptions> = {}): TestClient {
  const waits: number[] = [];
  let time = TEST_START;
  const http = createHttpClient({
    timeoutMs: 10_000,
    budgetMs: 5_000,
    userAgent: 'linq-gitops/test',
    sleep(ms) {
      waits.push(ms);
      time += ms;
      return Promise.resolve();
    },
    random: () => 0.5,
    now: () => time,
    ...options,
  });
  return { http, waits };
}
