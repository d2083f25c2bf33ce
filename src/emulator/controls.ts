import { listSubscriptions, remove } from './account.ts';
import type { EmulatedSubscription } from './account.ts';
import { deliver } from './deliver.ts';
import type { Delivery, DeliveryOptions } from './deliver.ts';
import type { Emulation } from './exchange.ts';
import type { Fault, FaultHandle } from './faults.ts';
import type { LoggedRequest } from './request-log.ts';
import { patchSubscription, plantSubscription, seedLine } from './seed.ts';
import type { SeedLine, SeedSubscription } from './seed.ts';
import type { Switches } from './switches.ts';

/** Changes behind everyone's back: no key, no rules of the API, no fault, no line in the request log. */
interface ExternalEdits {
  /** Returns the id. */
  add(subscription: SeedSubscription): string;
  /** Sets all fields; what stands under the id keeps its age and its secret unless they are given. */
  put(id: string, subscription: SeedSubscription): void;
  /** False where there is none. */
  patch(id: string, patch: Partial<Omit<SeedSubscription, 'id'>>): boolean;
  /** False where there is none. */
  delete(id: string): boolean;
}

/** The strings of an emulator: the same in the process and over the control endpoint. */
export interface Controls {
  /** What the account truly holds, in the order of creation, with secrets. */
  subscriptions(): readonly EmulatedSubscription[];
  /** Requests to the API in the order of arrival; grows while the emulator runs. */
  readonly requests: readonly LoggedRequest[];
  clearRequests(): void;
  switches(): Switches;
  setSwitches(switches: Partial<Switches>): void;
  addFault(fault: Fault): FaultHandle;
  faults(): readonly FaultHandle[];
  /** Takes every fault away, and releases what waits. */
  clearFaults(): void;
  readonly external: ExternalEdits;
  setLines(lines: readonly SeedLine[]): void;
  /** From now on these are the keys that the API accepts. */
  setApiKeys(keys: readonly string[]): void;
  /** Sets how far the server's clock is ahead of its own, in milliseconds. */
  shiftClock(ms: number): void;
  /** Sends one signed sample event; see `deliver` in deliver.ts for what is refused. */
  deliver(id: string, options?: DeliveryOptions): Promise<Delivery>;
}

/** Made once per emulator: the clock is shifted from what it shows now. */
export function createControls(emulation: Emulation): Controls {
  const { account, faults, log } = emulation;
  const unshifted = account.now;
  return {
    subscriptions: () => listSubscriptions(account),
    requests: log.entries,
    clearRequests: () => void log.entries.splice(0),
    switches: () => account.switches,
    setSwitches: (switches) => void (account.switches = { ...account.switches, ...switches }),
    addFault: (fault) => faults.add(fault),
    faults: () => faults.list(),
    clearFaults() {
      for (const fault of faults.list()) fault.remove();
    },
    external: createExternalEdits(emulation),
    setLines: (lines) => void (account.lines = lines.map(seedLine)),
    setApiKeys(keys) {
      account.apiKeys.clear();
      for (const key of keys) account.apiKeys.add(key);
    },
    shiftClock: (ms) => void (account.now = () => unshifted() + ms),
    deliver: (id, options = {}) => deliver(account, id, options, emulation.stopping),
  };
}

function createExternalEdits({ account }: Emulation): ExternalEdits {
  return {
    add: (subscription) => plantSubscription(account, subscription),
    put(id, subscription) {
      const before = account.subscriptions.get(id);
      const kept = before && {
        created_at: new Date(before.created_at).toISOString(),
        signing_secret: before.signing_secret.reveal(),
      };
      plantSubscription(account, { ...kept, ...subscription, id });
    },
    patch: (id, patch) => patchSubscription(account, id, patch),
    delete: (id) => remove(account, id),
  };
}
