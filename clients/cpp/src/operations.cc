#include "nvmed/operations.h"

#include "calls.h"
#include "retry.h"

namespace nvmed {

using google::longrunning::Operation;
using google::longrunning::Operations;
using google::longrunning::WaitOperationRequest;

// How long one call asks the daemon to wait.
constexpr int kWaitSeconds = 30;

Operation wait(const std::shared_ptr<grpc::Channel>& channel, Operation operation, Stop* stop) {
  const auto stub = Operations::NewStub(channel);
  Retry retry(stop);
  WaitOperationRequest request;
  request.set_name(operation.name());
  request.mutable_timeout()->set_seconds(kWaitSeconds);
  while (!operation.done()) {
    try {
      Call call(stop);
      Operation latest;
      check(stub->WaitOperation(&call.context, request, &latest));
      operation = latest;
      retry.progressed();
    } catch (const Error& failure) {
      retry.pause(failure);
    }
  }
  if (operation.has_error()) {
    throw Error(operation.error());
  }
  return operation;
}

}  // namespace nvmed
