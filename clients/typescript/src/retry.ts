/** When a transfer that broke is taken up again, and after how long. */
import { setTimeout as sleep } from "node:timers/promises";

import { Code } from "@connectrpc/connect";

import { NvmedError } from "./errors.js";

/** How often in a row a transfer may fail without a byte in between: one over a bad line ends only when it stands still. */
const MAX_FAILURES = 8;
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 5_000;

/** How a cut arrives besides UNAVAILABLE: of the call itself, or of the command that the drive was at work on. */
const CUT = new Set(["CALL_CANCELLED", "COMMAND_TIMEOUT", "NVME_ABORTED"]);

/**
 * Whether a transfer may be taken up again after `error`, which says nothing about the request: the way to the daemon
 * broke, it restarts, it is busy, a command was cut off, or it says when to try again. For what only reads or is
 * committed piece by piece: of a change that failed, `nextStep` of its operation says what to do.
 */
export function isTransient(error: unknown): boolean {
  const failure = NvmedError.from(error);
  if (failure === undefined) {
    return false;
  }
  const isCut = CUT.has(failure.reason) || (failure.reason === "" && failure.code === Code.Canceled);
  return isCut || failure.code === Code.Unavailable || failure.retryDelayMs > 0;
}

/** The failures in a row of one transfer. */
export class Patience {
  #failures = 0;

  /** Pauses after a failure, before the next attempt; throws `error` if there were enough, or what ended `signal`. */
  async wait(error: unknown, progressed: boolean, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    this.#failures = progressed ? 1 : this.#failures + 1;
    if (this.#failures >= MAX_FAILURES) {
      throw error;
    }
    const delay = Math.min(FIRST_DELAY_MS * 2 ** (this.#failures - 1), MAX_DELAY_MS);
    // Half of it is random, so that many clients of one daemon do not come back at once.
    const jittered = delay * (0.5 + Math.random() / 2);
    await sleep(Math.max(jittered, NvmedError.from(error)?.retryDelayMs ?? 0), undefined, { signal });
  }
}
