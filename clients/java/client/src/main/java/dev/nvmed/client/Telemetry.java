package dev.nvmed.client;

import dev.nvmed.v1.StreamTelemetryRequest;
import dev.nvmed.v1.StreamTelemetryResponse;
import dev.nvmed.v1.TelemetryServiceGrpc;
import io.grpc.Channel;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Telemetry logs. */
public final class Telemetry {
  private Telemetry() {}

  /**
   * Streams the log that {@code request} names into {@code sink}: every byte checked, and taken up where it broke off
   * if the connection breaks after the header. When it throws, forget what was written. TELEMETRY_GENERATION_CHANGED is
   * worth another call, without {@code create}: the log changed while it was read.
   *
   * @throws NvmedException if the call failed and is not to be resumed
   * @throws TransferCorruptedException if what arrived is not what was sent; nothing is passed on from there
   */
  public static TelemetryLog receive(Channel channel, StreamTelemetryRequest request, OutputStream sink)
      throws IOException, InterruptedException {
    TelemetryReceiver receiver = new TelemetryReceiver(sink, request.getDigest());
    Retry retry = new Retry();
    StreamTelemetryRequest next = request;
    while (true) {
      long before = receiver.received();
      try {
        return stream(channel, next, receiver);
      } catch (StatusException thrown) {
        // What fails before the header is not repeated: nobody knows whether the drive has captured already.
        if (receiver.header() == null) {
          throw NvmedException.of(thrown);
        }
        if (receiver.received() > before) {
          retry.progressed();
        }
        Calls.pause(retry, thrown);
      }
      next = request.toBuilder()
                 .clearCreate()
                 .clearRequestId()
                 .setResumeToken(receiver.header().getResumeToken())
                 .setOffset(receiver.received())
                 .build();
    }
  }

  /** The same into a file, which is on disk when this returns. */
  public static TelemetryLog save(Channel channel, StreamTelemetryRequest request, Path path)
      throws IOException, InterruptedException {
    try (FileChannel file = FileChannel.open(
             path, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
      TelemetryLog log = receive(channel, request, Channels.newOutputStream(file));
      file.force(true);
      return log;
    }
  }

  private static TelemetryLog stream(Channel channel, StreamTelemetryRequest request, TelemetryReceiver receiver)
      throws StatusException, IOException, InterruptedException {
    BlockingClientCall<?, StreamTelemetryResponse> call =
        TelemetryServiceGrpc.newBlockingV2Stub(channel).streamTelemetry(request);
    try {
      receiver.opened();
      for (StreamTelemetryResponse response = call.read(); response != null; response = call.read()) {
        receiver.accept(response);
      }
      return receiver.finish();
    } finally {
      Calls.abandon(call);
    }
  }
}
