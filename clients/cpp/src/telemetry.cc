#include "nvmed/telemetry.h"

#include "calls.h"
#include "file.h"
#include "retry.h"
#include "telemetry_receiver.h"

namespace nvmed {
namespace {

// One stream, to its end or to what it failed with.
TelemetryLog stream(v1::TelemetryService::StubInterface& stub, const v1::StreamTelemetryRequest& request,
                    TelemetryReceiver& receiver, Stop* stop) {
  Call call(stop);
  receiver.opened();
  const auto reader = stub.StreamTelemetry(&call.context, request);
  v1::StreamTelemetryResponse response;
  while (reader->Read(&response)) {
    receiver.accept(response);
  }
  check(reader->Finish());
  return receiver.finish();
}

}  // namespace

TelemetryLog receive_telemetry(const std::shared_ptr<grpc::Channel>& channel, v1::StreamTelemetryRequest request,
                               const Sink& sink, Stop* stop) {
  const auto stub = v1::TelemetryService::NewStub(channel);
  TelemetryReceiver receiver(sink, request.digest());
  Retry retry(stop);
  while (true) {
    const std::uint64_t before = receiver.received();
    try {
      return stream(*stub, request, receiver, stop);
    } catch (const Error& failure) {
      if (receiver.received() > before) {
        retry.progressed();
      }
      // What fails before the header is not repeated: nobody knows whether the drive has captured already.
      retry.pause(failure, receiver.header() && is_transient(failure));
    }
    request.clear_create();
    request.clear_request_id();
    request.set_resume_token(receiver.header()->resume_token());
    request.set_offset(receiver.received());
  }
}

TelemetryLog save_telemetry(const std::shared_ptr<grpc::Channel>& channel, const v1::StreamTelemetryRequest& request,
                            const std::string& path, Stop* stop) {
  File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  TelemetryLog log = receive_telemetry(
      channel, request, [&file](std::string_view data) { file.write(data); }, stop);
  file.sync();
  return log;
}

}  // namespace nvmed
