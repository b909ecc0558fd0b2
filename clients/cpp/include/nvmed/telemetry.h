#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <grpcpp/channel.h>
#include <nvmed/v1/telemetry.grpc.pb.h>

#include "nvmed/stop.h"

namespace nvmed {

// A log that was received completely.
struct TelemetryLog {
  v1::TelemetryHeader header;    // that of the first stream
  v1::TelemetryTrailer trailer;  // that of the last
  std::string sha256;            // of what was received, in lower case hexadecimal
  int streams = 0;               // how many it took: more than one if the connection broke
};

// Takes the next bytes of a log; what it throws ends the transfer.
using Sink = std::function<void(std::string_view)>;

// Streams the log that the request names into `sink`: every byte checked, and taken up where it broke off if the
// connection breaks after the header. When it throws, forget what was written: Error if the call failed and is not to
// be resumed, Corrupted if what arrived is not what was sent, and nothing was passed on from there.
// TELEMETRY_GENERATION_CHANGED is worth another call, without `create`: the log changed while it was read.
TelemetryLog receive_telemetry(const std::shared_ptr<grpc::Channel>& channel, v1::StreamTelemetryRequest request,
                               const Sink& sink, Stop* stop = nullptr);

// The same into a file, which is on disk when this returns. Throws std::system_error if it cannot be written.
TelemetryLog save_telemetry(const std::shared_ptr<grpc::Channel>& channel, const v1::StreamTelemetryRequest& request,
                            const std::string& path, Stop* stop = nullptr);

}  // namespace nvmed
