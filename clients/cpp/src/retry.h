#pragma once

#include <chrono>

#include "nvmed/error.h"
#include "nvmed/stop.h"

namespace nvmed {

// Whether a transfer may be taken up again: the failure says nothing about the request, but that the way to the daemon
// broke, it restarts, it is busy, a command was cut off, or when to try again. It is for what only reads or is
// committed piece by piece: of a change that failed, NextStep of its operation says what to do.
bool is_transient(const Error& failure);

// Counts the failures in a row of one transfer, and pauses between them.
class Retry {
 public:
  // So often in a row a transfer may fail without a byte in between: over a bad line it ends when it stands still.
  static constexpr int kMaxFailures = 8;
  static constexpr std::chrono::milliseconds kFirstDelay{200};
  static constexpr std::chrono::milliseconds kMaxDelay{5000};

  explicit Retry(Stop* stop) : stop_(stop) {}

  void progressed() { failures_ = 0; }

  // Pauses before the next attempt; throws the failure if it is not to be tried again, or there were too many.
  void pause(const Error& failure) { pause(failure, is_transient(failure)); }
  void pause(const Error& failure, bool again);

 private:
  std::chrono::milliseconds delay(const Error& failure) const;

  Stop* stop_;
  int failures_ = 0;
};

}  // namespace nvmed
