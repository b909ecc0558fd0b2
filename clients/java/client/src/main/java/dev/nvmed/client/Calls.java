package dev.nvmed.client;

import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.util.zip.CRC32;

/** What streams have in common. */
final class Calls {
  private Calls() {}

  /** Pauses after what a call threw, or throws it if it is not to be tried again. */
  static void pause(Retry retry, StatusException thrown) throws InterruptedException {
    NvmedException failure = NvmedException.of(thrown);
    if (!Retry.isTransient(failure)) {
      throw failure;
    }
    retry.await(failure);
  }

  /** Ends a stream that was not read to its end, or it would stay open; of one that was, this does nothing. */
  static void abandon(BlockingClientCall<?, ?> call) {
    call.cancel("no longer of interest", null);
  }

  /** CRC-32 as zlib computes it, in the 32 bits of a {@code fixed32}. */
  static int crc32(byte[] data, int length) {
    CRC32 crc = new CRC32();
    crc.update(data, 0, length);
    return (int) crc.getValue();
  }
}
