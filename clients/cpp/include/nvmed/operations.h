#pragma once

#include <memory>

#include <google/longrunning/operations.grpc.pb.h>
#include <grpcpp/channel.h>

#include "nvmed/error.h"
#include "nvmed/stop.h"

namespace nvmed {

// Waits until the operation is done, and returns it so. A connection that breaks is made again, also across the
// daemon's restart. Throws Error if it failed, the same as for a failed call. The operation itself goes on whoever
// waits for it.
google::longrunning::Operation wait(const std::shared_ptr<grpc::Channel>& channel,
                                    google::longrunning::Operation operation, Stop* stop = nullptr);

// The same, for what it answered: `wait_for<nvmed::v1::StageFirmwareResponse>(channel, operation)`. Throws Corrupted if
// it answered something else.
template <typename Response>
Response wait_for(const std::shared_ptr<grpc::Channel>& channel, google::longrunning::Operation operation,
                  Stop* stop = nullptr) {
  const google::longrunning::Operation done = wait(channel, std::move(operation), stop);
  Response response;
  if (!done.response().UnpackTo(&response)) {
    throw Corrupted(done.name() + " answered " + done.response().type_url());
  }
  return response;
}

}  // namespace nvmed
