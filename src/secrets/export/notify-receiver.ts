import { RequestError } from '../../domain/errors.ts';
import { createHttpClient } from '../../http/http-client.ts';

/** A receiver on the same machine answers at once, or is not there. */
const TIMEOUT_MS = 2_000;
/** A restart of the receiver may just be under way. */
const BUDGET_MS = 2_000;

/**
 * Tells the receiver which entries' files have changed, by name and without a secret: a POST, which may come
 * more than once. A failure is returned as a warning: whoever reads the files sees the change anyway.
 */
export async function notifyReceiver(
  url: string,
  change: { readonly changed: readonly string[]; readonly removed: readonly string[] },
  userAgent: string,
): Promise<readonly string[]> {
  const http = createHttpClient({ timeoutMs: TIMEOUT_MS, budgetMs: BUDGET_MS, userAgent });
  try {
    await http.request({
      service: 'the receiver',
      action: 'tell the receiver of new secrets',
      method: 'POST',
      url,
      body: JSON.stringify({ changed: change.changed, removed: change.removed }),
      retry: true,
      isIdempotent: true,
    });
    return [];
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return [`${error.message}; the files are in place`];
  } finally {
    await http.close();
  }
}
