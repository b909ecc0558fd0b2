/** Events, of which none is missed and none is seen twice. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { CallOptions, Client } from "@connectrpc/connect";

import type { EventService, WatchEventsResponse } from "./gen/nvmed/v1/event_pb.js";
import { WatchEventsRequestSchema } from "./gen/nvmed/v1/event_pb.js";
import { isTransient, Patience } from "./retry.js";

/**
 * Every message of the stream that `request` asks for, for as long as the loop over it goes on: a stream that breaks goes
 * on from the last token, and a snapshot that is cut is sent again from its beginning. Where events are missing, because
 * the daemon was started anew or the reader was too slow, a message says so: `dropped`.
 */
export async function* watchEvents(
  client: Client<typeof EventService>,
  request: MessageInitShape<typeof WatchEventsRequestSchema>,
  options: CallOptions = {},
): AsyncGenerator<WatchEventsResponse, void> {
  const next = create(WatchEventsRequestSchema, request);
  const patience = new Patience();
  for (;;) {
    const own = new AbortController();
    const signal = options.signal === undefined ? own.signal : AbortSignal.any([options.signal, own.signal]);
    let progressed = false;
    try {
      for await (const message of client.watchEvents(next, { ...options, signal })) {
        progressed = true;
        next.resumeToken = message.resumeToken || next.resumeToken;
        yield message;
      }
      return;
    } catch (error) {
      if (!isTransient(error)) {
        throw error;
      }
      await patience.wait(error, progressed, options.signal);
    } finally {
      own.abort(); // a stream that nobody reads any more stays open otherwise
    }
  }
}
