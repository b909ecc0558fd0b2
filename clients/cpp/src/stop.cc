#include "nvmed/stop.h"

#include <grpcpp/client_context.h>

namespace nvmed {

void Stop::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (grpc::ClientContext* call : calls_) {
    call->TryCancel();
  }
  changed_.notify_all();
}

bool Stop::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

void Stop::enter(grpc::ClientContext* call) {
  const std::lock_guard lock(mutex_);
  calls_.insert(call);
  if (stopped_) {
    call->TryCancel();
  }
}

void Stop::leave(grpc::ClientContext* call) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call);
}

bool Stop::sleep(std::chrono::milliseconds delay) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, delay, [this] { return stopped_; });
}

}  // namespace nvmed
