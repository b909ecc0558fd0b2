#include "retry.h"

#include <algorithm>
#include <random>
#include <thread>

namespace nvmed {

bool is_transient(const Error& failure) {
  return failure.reason == "CALL_CANCELLED" || failure.reason == "COMMAND_TIMEOUT" ||
         failure.reason == "NVME_ABORTED" || (failure.reason.empty() && failure.code == grpc::StatusCode::CANCELLED) ||
         failure.code == grpc::StatusCode::UNAVAILABLE || failure.retry_delay.has_value();
}

void Retry::pause(const Error& failure, bool again) {
  failures_++;
  if (!again || failures_ >= kMaxFailures || (stop_ && stop_->stopped())) {
    throw failure;
  }
  if (!stop_) {
    std::this_thread::sleep_for(delay(failure));
  } else if (!stop_->sleep(delay(failure))) {
    throw Error(grpc::Status(grpc::StatusCode::CANCELLED, "stopped"));
  }
}

std::chrono::milliseconds Retry::delay(const Error& failure) const {
  static thread_local std::minstd_rand random{std::random_device{}()};
  const auto most = std::min(kFirstDelay * (1 << (failures_ - 1)), kMaxDelay);
  // Half of it is random, so that many clients of one daemon do not come back at once.
  std::uniform_int_distribution<std::chrono::milliseconds::rep> half(0, most.count() / 2);
  return std::max(most / 2 + std::chrono::milliseconds(half(random)),
                  failure.retry_delay.value_or(std::chrono::milliseconds::zero()));
}

}  // namespace nvmed
