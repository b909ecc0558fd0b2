#pragma once

#include <cstdint>
#include <optional>

#include "digest.h"
#include "nvmed/telemetry.h"

namespace nvmed {

// One log as it grows over its streams; the first header binds all that follow.
class TelemetryReceiver {
 public:
  TelemetryReceiver(const Sink& sink, v1::StreamDigest digest) : sink_(sink), digest_(digest) {}

  // A stream begins.
  void opened();
  void accept(const v1::StreamTelemetryResponse& response);
  // Compares what was received with what the trailer says was sent.
  TelemetryLog finish();

  // That of the first stream, once it came.
  const std::optional<v1::TelemetryHeader>& header() const { return header_; }
  // Bytes that were passed on.
  std::uint64_t received() const { return received_; }

 private:
  void begin(const v1::TelemetryHeader& header);
  void append(const v1::Chunk& chunk);

  const Sink& sink_;
  v1::StreamDigest digest_;
  std::optional<v1::TelemetryHeader> header_;
  std::optional<v1::TelemetryTrailer> trailer_;
  int streams_ = 0;
  std::uint64_t received_ = 0;
  Sha256 whole_;
  // The hash of this stream alone, from `start_` on, once its header came.
  std::optional<Sha256> part_;
  std::uint64_t start_ = 0;
};

}  // namespace nvmed
