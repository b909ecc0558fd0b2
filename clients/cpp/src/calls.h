#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include "nvmed/error.h"
#include "nvmed/stop.h"

namespace nvmed {

// One call. If it is not at its end when this ends, it is cancelled, or it would stay open.
class Call {
 public:
  explicit Call(Stop* stop) : stop_(stop) {
    if (stop_) {
      stop_->enter(&context);
    }
  }
  ~Call() {
    if (stop_) {
      stop_->leave(&context);
    }
    context.TryCancel();
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  grpc::ClientContext context;

 private:
  Stop* stop_;
};

}  // namespace nvmed
