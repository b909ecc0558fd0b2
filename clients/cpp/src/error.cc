#include "nvmed/error.h"

namespace nvmed {
namespace {

google::rpc::Status with_details(const grpc::Status& status) {
  google::rpc::Status proto;
  // What something on the way made up may have none, or none of this type.
  if (!proto.ParseFromString(status.error_details())) {
    proto.Clear();
  }
  proto.set_code(status.error_code());
  proto.set_message(status.error_message());
  return proto;
}

std::string reason_of(const google::rpc::Status& status) {
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info) && info.domain() == kDomain) {
      return info.reason();
    }
  }
  return {};
}

std::string described(const google::rpc::Status& status) {
  const std::string reason = reason_of(status);
  return status.message() + " (" + (reason.empty() ? "code " + std::to_string(status.code()) : reason) + ")";
}

std::chrono::milliseconds milliseconds(const google::protobuf::Duration& duration) {
  return std::chrono::milliseconds(duration.seconds() * 1000 + duration.nanos() / 1'000'000);
}

}  // namespace

Error::Error(const grpc::Status& status) : Error(with_details(status)) {}

Error::Error(const google::rpc::Status& status)
    : std::runtime_error(described(status)),
      code(static_cast<grpc::StatusCode>(status.code())),
      message(status.message()) {
  for (const google::protobuf::Any& detail : status.details()) {
    read(detail);
  }
}

void Error::read(const google::protobuf::Any& detail) {
  google::rpc::ErrorInfo info;
  google::rpc::RequestInfo request;
  google::rpc::BadRequest bad_request;
  google::rpc::PreconditionFailure failure;
  google::rpc::RetryInfo retry;
  google::rpc::Help help;
  v1::NvmeStatus nvme_status;
  v1::OsError os_error;
  if (detail.UnpackTo(&info)) {
    if (info.domain() == kDomain) {
      reason = info.reason();
      metadata = {info.metadata().begin(), info.metadata().end()};
    }
  } else if (detail.UnpackTo(&request)) {
    request_id = request.request_id();
  } else if (detail.UnpackTo(&bad_request)) {
    fields = {bad_request.field_violations().begin(), bad_request.field_violations().end()};
  } else if (detail.UnpackTo(&failure)) {
    gates = {failure.violations().begin(), failure.violations().end()};
  } else if (detail.UnpackTo(&retry)) {
    retry_delay = milliseconds(retry.retry_delay());
  } else if (detail.UnpackTo(&help)) {
    remedy = help.links_size() > 0 ? help.links(0).description() : "";
  } else if (detail.UnpackTo(&nvme_status)) {
    nvme = nvme_status;
  } else if (detail.UnpackTo(&os_error)) {
    os = os_error;
  }
}

}  // namespace nvmed
