package dev.nvmed.client;

import io.grpc.Status;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/** Counts the failures in a row of one transfer, and pauses between them. */
final class Retry {
  /** So often in a row a transfer may fail without a byte in between: over a bad line it ends when it stands still. */
  static final int MAX_FAILURES = 8;

  static final Duration FIRST_DELAY = Duration.ofMillis(200);
  static final Duration MAX_DELAY = Duration.ofSeconds(5);

  private static final Set<String> TRANSIENT = Set.of("CALL_CANCELLED", "COMMAND_TIMEOUT", "NVME_ABORTED");

  private int failures;

  /**
   * Whether a transfer may be taken up again: the failure says nothing about the request, but that the way to the
   * daemon broke, it restarts, it is busy, a command was cut off, or when to try again. It is for what only reads or is
   * committed piece by piece: of a change that failed, NextStep of its operation says what to do.
   */
  static boolean isTransient(NvmedException failure) {
    return TRANSIENT.contains(failure.reason())
        || (failure.reason().isEmpty() && failure.code() == Status.Code.CANCELLED)
        || failure.code() == Status.Code.UNAVAILABLE || failure.retryDelay().isPresent();
  }

  void progressed() {
    failures = 0;
  }

  /**
   * Pauses before the next attempt.
   *
   * @throws NvmedException the failure, if there were too many
   */
  void await(NvmedException failure) throws InterruptedException {
    failures++;
    if (failures >= MAX_FAILURES) {
      throw failure;
    }
    Thread.sleep(delay(failure).toMillis());
  }

  private Duration delay(NvmedException failure) {
    long most = Math.min(FIRST_DELAY.toMillis() << (failures - 1), MAX_DELAY.toMillis());
    // Half of it is random, so that many clients of one daemon do not come back at once.
    Duration delay = Duration.ofMillis(most / 2 + ThreadLocalRandom.current().nextLong(most / 2));
    return failure.retryDelay().filter(asked -> asked.compareTo(delay) > 0).orElse(delay);
  }
}
