import type { SecretReader } from '../../../src/secrets/sink.ts';
import type { FakeVault } from '../fake-vault/fake-vault.ts';

/** `vault` is a fake server of the stage's own; `real vault` the one that TEST_VAULT_ADDR names. */
export type SinkKind = 'file' | 'vault' | 'real vault';

/** Where a stage keeps its records, with what a test may do there past the program. */
export interface StageSink {
  readonly kind: SinkKind;
  /** What the program is given to find it. */
  readonly env: Readonly<Record<string, string>>;
  /** The fake server, where it is one. */
  readonly vault?: FakeVault;
  /** The sink's own reader, with no more rights than the program has. */
  openReader(): SecretReader;
  /** Everything that can be read there, old versions too. Fails where something is not of the sink's making. */
  texts(): Promise<readonly KeptText[]>;
  /** All that is kept outside the stage's folder. */
  take(): Promise<SinkContent>;
  /** Puts what another sink of this kind gave into this one, which is empty. */
  put(content: SinkContent): Promise<void>;
}

/** A text in the sink. */
export interface KeptText {
  /** Of the record. */
  readonly name: string;
  /** For messages. */
  readonly place: string;
  readonly text: string;
  /** Followed by another one of the same record, and kept by the sink's server for a while. */
  readonly isPast: boolean;
}

/** The secrets of a KV engine by name, each with its versions from 1; null where a version is destroyed. */
export type SinkContent = ReadonlyMap<
  string,
  {
    readonly marks: Readonly<Record<string, string>> | null;
    readonly versions: readonly (Readonly<Record<string, string>> | null)[];
  }
>;
