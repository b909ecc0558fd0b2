package dev.nvmed.client;

import dev.nvmed.v1.EventServiceGrpc;
import dev.nvmed.v1.WatchEventsRequest;
import dev.nvmed.v1.WatchEventsResponse;
import io.grpc.Channel;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;

/**
 * Events as they happen, across disconnections and restarts of the daemon:
 *
 * <pre>{@code
 * try (Events events = Events.watch(channel, WatchEventsRequest.newBuilder().setIncludeSnapshot(true).build())) {
 *   for (WatchEventsResponse message = events.next(); message != null; message = events.next()) {
 *     switch (message.getPartCase()) {
 *       case EVENT -> ... // apply it
 *       case DROPPED -> ... // what was known may be wrong; a snapshot follows if it was asked for
 *       case SNAPSHOT_END -> ... // now everything is known
 *     }
 *   }
 * }
 * }</pre>
 *
 * For one thread.
 */
public final class Events implements AutoCloseable {
  private final Channel channel;
  private final Retry retry = new Retry();
  private WatchEventsRequest following;
  private BlockingClientCall<?, WatchEventsResponse> call;

  private Events(Channel channel, WatchEventsRequest request) {
    this.channel = channel;
    this.following = request;
  }

  /** Prepares the stream that {@code request} asks for; it begins with {@link #next}. */
  public static Events watch(Channel channel, WatchEventsRequest request) {
    return new Events(channel, request);
  }

  /**
   * Waits for the next message; null at the end of the stream. One that breaks goes on from the last token, so that no
   * event is missed or seen twice; a snapshot that is cut is sent again from its beginning.
   *
   * @throws NvmedException if the call failed and is not to be resumed, or too often without a message in between
   */
  public WatchEventsResponse next() throws InterruptedException {
    while (true) {
      try {
        if (call == null) {
          call = EventServiceGrpc.newBlockingV2Stub(channel).watchEvents(following);
        }
        WatchEventsResponse message = call.read();
        if (message != null) {
          retry.progressed();
          if (!message.getResumeToken().isEmpty()) {
            following = following.toBuilder().setResumeToken(message.getResumeToken()).build();
          }
        }
        return message;
      } catch (StatusException thrown) {
        close();
        Calls.pause(retry, thrown);
      }
    }
  }

  /** The last token: whoever keeps it goes on from there with another {@link #watch}. */
  public String resumeToken() {
    return following.getResumeToken();
  }

  @Override
  public void close() {
    if (call != null) {
      Calls.abandon(call);
      call = null;
    }
  }
}
