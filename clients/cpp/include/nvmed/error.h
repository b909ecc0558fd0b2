#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/support/status.h>
#include <nvmed/v1/errors.pb.h>

namespace nvmed {

// The google.rpc.ErrorInfo domain of the daemon's errors.
inline constexpr char kDomain[] = "nvmed.dev";

// A call or an operation that failed, with everything that the daemon says about it.
class Error : public std::runtime_error {
 public:
  // Of what a stub returned.
  explicit Error(const grpc::Status& status);
  // Of a status, for example that of an operation.
  explicit Error(const google::rpc::Status& status);

  grpc::StatusCode code;
  std::string message;
  // Stable, for programs to branch on: docs/errors.md lists all. Empty if gRPC itself or something on the way failed,
  // and not the daemon.
  std::string reason;
  // The dynamic parts of the message.
  std::map<std::string, std::string> metadata;
  // What the daemon's log calls the call; empty if it never got there.
  std::string request_id;
  // The wrong fields of the request.
  std::vector<google::rpc::BadRequest::FieldViolation> fields;
  // The preconditions that do not hold.
  std::vector<google::rpc::PreconditionFailure::Violation> gates;
  // What the drive answered, if it is that.
  std::optional<v1::NvmeStatus> nvme;
  // The system call that failed, if it is that.
  std::optional<v1::OsError> os;
  // What to do about it, for people; empty if the daemon does not say.
  std::string remedy;
  // How long the daemon asks to wait before another try, if it says.
  std::optional<std::chrono::milliseconds> retry_delay;

 private:
  void read(const google::protobuf::Any& detail);
};

// What arrived is not what was sent.
class Corrupted : public std::runtime_error {
 public:
  explicit Corrupted(const std::string& how) : std::runtime_error("transfer corrupted: " + how) {}
};

// Throws the status's Error unless it is OK.
inline void check(const grpc::Status& status) {
  if (!status.ok()) {
    throw Error(status);
  }
}

}  // namespace nvmed
