#pragma once

#include <memory>
#include <optional>
#include <string>

#include <grpcpp/channel.h>
#include <nvmed/v1/event.grpc.pb.h>

#include "nvmed/stop.h"

namespace nvmed {

// Events as they happen, across disconnections and restarts of the daemon:
//
//   nvmed::Events events(channel, request);
//   while (const auto message = events.next()) {
//     switch (message->part_case()) {
//       case nvmed::v1::WatchEventsResponse::kEvent: ...        // apply it
//       case nvmed::v1::WatchEventsResponse::kDropped: ...      // what was known may be wrong; a snapshot follows if
//       it
//                                                               // was asked for
//       case nvmed::v1::WatchEventsResponse::kSnapshotEnd: ...  // now everything is known
//
// For one thread; a Stop ends it from another.
class Events {
 public:
  Events(const std::shared_ptr<grpc::Channel>& channel, v1::WatchEventsRequest request, Stop* stop = nullptr);
  ~Events();
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Waits for the next message; none at the end of the stream. One that breaks goes on from the last token, so that no
  // event is missed or seen twice; a snapshot that is cut is sent again from its beginning. Throws Error if the call
  // failed and is not to be resumed, or too often without a message in between.
  std::optional<v1::WatchEventsResponse> next();

  // The last token: whoever keeps it goes on from there with another request.
  const std::string& resume_token() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nvmed
