package dev.nvmed.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.ByteString;
import dev.nvmed.v1.Chunk;
import dev.nvmed.v1.EventServiceGrpc;
import dev.nvmed.v1.StreamTelemetryRequest;
import dev.nvmed.v1.StreamTelemetryResponse;
import dev.nvmed.v1.TelemetryHeader;
import dev.nvmed.v1.TelemetryServiceGrpc;
import dev.nvmed.v1.TelemetryTrailer;
import dev.nvmed.v1.WatchEventsRequest;
import dev.nvmed.v1.WatchEventsResponse;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Streams of a server that breaks the first of each kind. */
class StreamsTest {
  private static final byte[] LOG = "what the drive knows about itself".getBytes();
  private static final int BREAKS_AT = 10;

  private final List<WatchEventsRequest> watched = new ArrayList<>();
  private final List<StreamTelemetryRequest> streamed = new ArrayList<>();
  private int damage;
  private Server server;
  private ManagedChannel channel;

  @BeforeEach
  void serve() throws Exception {
    String name = InProcessServerBuilder.generateName();
    server = InProcessServerBuilder.forName(name)
                 .addService(new BreakingEvents())
                 .addService(new BreakingTelemetry())
                 .build()
                 .start();
    channel = InProcessChannelBuilder.forName(name).build();
  }

  @AfterEach
  void stop() {
    channel.shutdownNow();
    server.shutdownNow();
  }

  @Test
  void eventsGoOnFromTheLastTokenThatWasNotEmpty() throws Exception {
    try (Events events = Events.watch(channel, WatchEventsRequest.newBuilder().setIncludeSnapshot(true).build())) {
      assertEquals("one", events.next().getResumeToken());
      assertEquals("", events.next().getResumeToken());
      assertEquals("two", events.next().getResumeToken());
      assertNull(events.next());
      assertEquals("two", events.resumeToken());
    }
    assertEquals(List.of("", "one"), watched.stream().map(WatchEventsRequest::getResumeToken).toList());
    assertEquals(true, watched.get(1).getIncludeSnapshot());
  }

  @Test
  void aLogGoesOnWhereItBroke() throws Exception {
    ByteArrayOutputStream sink = new ByteArrayOutputStream();
    TelemetryLog log = Telemetry.receive(channel, StreamTelemetryRequest.newBuilder().setCreate(true).build(), sink);
    assertArrayEquals(LOG, sink.toByteArray());
    assertEquals(2, log.streams());
    StreamTelemetryRequest resumed =
        StreamTelemetryRequest.newBuilder().setResumeToken("token").setOffset(BREAKS_AT).build();
    assertEquals(resumed, streamed.get(1));
  }

  @Test
  void nothingOfADamagedChunkIsPassedOn() {
    damage = 1;
    ByteArrayOutputStream sink = new ByteArrayOutputStream();
    assertThrows(TransferCorruptedException.class,
        () -> Telemetry.receive(channel, StreamTelemetryRequest.getDefaultInstance(), sink));
    assertEquals(BREAKS_AT, sink.size());
  }

  private final class BreakingEvents extends EventServiceGrpc.EventServiceImplBase {
    @Override
    public void watchEvents(WatchEventsRequest request, StreamObserver<WatchEventsResponse> to) {
      watched.add(request);
      if (watched.size() == 1) {
        to.onNext(WatchEventsResponse.newBuilder().setResumeToken("one").build());
        to.onNext(WatchEventsResponse.getDefaultInstance());
        to.onError(Status.UNAVAILABLE.asRuntimeException());
      } else {
        to.onNext(WatchEventsResponse.newBuilder().setResumeToken("two").build());
        to.onCompleted();
      }
    }
  }

  private final class BreakingTelemetry extends TelemetryServiceGrpc.TelemetryServiceImplBase {
    @Override
    public void streamTelemetry(StreamTelemetryRequest request, StreamObserver<StreamTelemetryResponse> to) {
      streamed.add(request);
      int from = (int) request.getOffset();
      to.onNext(
          StreamTelemetryResponse.newBuilder()
              .setHeader(
                  TelemetryHeader.newBuilder().setTotalBytes(LOG.length).setStartOffset(from).setResumeToken("token"))
              .build());
      if (streamed.size() == 1) {
        to.onNext(chunk(0, BREAKS_AT, 0));
        to.onError(Status.UNAVAILABLE.asRuntimeException());
        return;
      }
      to.onNext(chunk(from, LOG.length, damage));
      to.onNext(StreamTelemetryResponse.newBuilder()
                    .setTrailer(TelemetryTrailer.newBuilder()
                                    .setTotalBytes(LOG.length)
                                    .setSha256(ByteString.copyFrom(Digests.sha256().digest(LOG))))
                    .build());
      to.onCompleted();
    }

    private StreamTelemetryResponse chunk(int from, int to, int flipped) {
      byte[] data = java.util.Arrays.copyOfRange(LOG, from, to);
      int crc = Calls.crc32(data, data.length) ^ flipped;
      return StreamTelemetryResponse.newBuilder()
          .setChunk(Chunk.newBuilder().setOffset(from).setCrc32(crc).setData(ByteString.copyFrom(data)))
          .build();
    }
  }
}
