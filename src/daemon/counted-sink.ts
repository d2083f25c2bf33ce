import { AppError, SinkConflictError } from '../domain/errors.ts';
import type { PassContext } from '../reconcile/reconcile-once.ts';
import type { SinkWriteResult } from './metrics.ts';

/** The same sink, that tells how each write and removal ended. */
export function countSinkWrites(
  sink: PassContext['sink'],
  onWrite: (result: SinkWriteResult) => void,
): PassContext['sink'] {
  async function counted<T>(write: Promise<T>): Promise<T> {
    try {
      const result = await write;
      onWrite('ok');
      return result;
    } catch (error) {
      if (error instanceof AppError) onWrite(error instanceof SinkConflictError ? 'conflict' : 'error');
      throw error;
    }
  }
  return {
    ...sink,
    write: (record, expected) => counted(sink.write(record, expected)),
    writeInstallation: (record, expected) => counted(sink.writeInstallation(record, expected)),
    remove: (name, expected) => counted(sink.remove(name, expected)),
  };
}
