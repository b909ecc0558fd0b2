/** When a transfer that broke is taken up again, and after how long. */
import { setTimeout as sleep } from "node:timers/promises";

import { Code } from "@connectrpc/connect";

import { NvmedError } from "./errors.js";

/** How often in a row a transfer may fail without a byte in between: one over a bad line ends only when it stands still. */
const MAX_FAILURES = 8;
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 5_000;

/** Whether `error` says nothing about the request: the way to the daemon broke, it restarts, it is busy. */
export function isTransient(error: unknown): boolean {
  const code = NvmedError.from(error)?.code;
  return code === Code.Unavailable || code === Code.Canceled;
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
