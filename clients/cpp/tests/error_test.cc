#include "nvmed/error.h"

#include <gtest/gtest.h>

#include "retry.h"

namespace nvmed {
namespace {

template <typename... Details>
google::rpc::Status status(grpc::StatusCode code, const Details&... details) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message("no");
  (status.add_details()->PackFrom(details), ...);
  return status;
}

google::rpc::ErrorInfo info(const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_domain(kDomain);
  info.set_reason(reason);
  return info;
}

TEST(Error, HasEverythingThatAStatusSays) {
  google::rpc::ErrorInfo with_metadata = info("GATE_FAILED");
  (*with_metadata.mutable_metadata())["slot"] = "1";
  google::rpc::RequestInfo request;
  request.set_request_id("abc");
  google::rpc::BadRequest bad_request;
  bad_request.add_field_violations()->set_field("slot");
  google::rpc::PreconditionFailure gates;
  gates.add_violations()->set_type("SLOT_WRITABLE");
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  retry.mutable_retry_delay()->set_nanos(500'000'000);
  google::rpc::Help help;
  help.add_links()->set_description("use another slot");
  v1::NvmeStatus nvme;
  nvme.set_status_code(6);
  v1::OsError os;
  os.set_errno_value(5);
  const google::rpc::Status proto =
      status(grpc::StatusCode::FAILED_PRECONDITION, with_metadata, request, bad_request, gates, retry, help, nvme, os);

  const Error error(grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "no", proto.SerializeAsString()));

  EXPECT_EQ(error.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(error.reason, "GATE_FAILED");
  EXPECT_EQ(error.metadata.at("slot"), "1");
  EXPECT_EQ(error.request_id, "abc");
  EXPECT_EQ(error.fields.at(0).field(), "slot");
  EXPECT_EQ(error.gates.at(0).type(), "SLOT_WRITABLE");
  EXPECT_EQ(error.retry_delay->count(), 1500);
  EXPECT_EQ(error.remedy, "use another slot");
  EXPECT_EQ(error.nvme->status_code(), 6U);
  EXPECT_EQ(error.os->errno_value(), 5);
  EXPECT_STREQ(error.what(), "no (GATE_FAILED)");
}

TEST(Error, WhatOthersSayIsNoReasonOfTheDaemons) {
  google::rpc::ErrorInfo other = info("GATE_FAILED");
  other.set_domain("example.com");
  EXPECT_EQ(Error(status(grpc::StatusCode::UNAVAILABLE, other)).reason, "");
}

TEST(Error, DetailsThatNobodyCanReadAreNone) {
  const Error error(grpc::Status(grpc::StatusCode::INTERNAL, "no", "\xff"));
  EXPECT_EQ(error.code, grpc::StatusCode::INTERNAL);
  EXPECT_STREQ(error.what(), "no (code 13)");
}

TEST(Retry, TakesUpWhatSaysNothingAboutTheRequest) {
  struct {
    grpc::StatusCode code;
    const char* reason;
    bool again;
  } const cases[] = {
      {grpc::StatusCode::UNAVAILABLE, "DEVICE_GONE", true},
      {grpc::StatusCode::UNAVAILABLE, "", true},
      {grpc::StatusCode::CANCELLED, "", true},
      {grpc::StatusCode::CANCELLED, "CALL_CANCELLED", true},
      {grpc::StatusCode::CANCELLED, "OPERATION_CANCELLED", false},
      {grpc::StatusCode::DEADLINE_EXCEEDED, "COMMAND_TIMEOUT", true},
      {grpc::StatusCode::DEADLINE_EXCEEDED, "", false},
      {grpc::StatusCode::ABORTED, "NVME_ABORTED", true},
      {grpc::StatusCode::ABORTED, "TELEMETRY_GENERATION_CHANGED", false},
      {grpc::StatusCode::FAILED_PRECONDITION, "GATE_FAILED", false},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(is_transient(Error(status(each.code, info(each.reason)))), each.again) << each.code << each.reason;
  }
  EXPECT_TRUE(is_transient(Error(status(grpc::StatusCode::RESOURCE_EXHAUSTED, google::rpc::RetryInfo()))));
}

}  // namespace
}  // namespace nvmed
