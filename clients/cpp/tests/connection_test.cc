#include "nvmed/connection.h"

#include <system_error>

#include <gtest/gtest.h>
#include <nvmed/v1/admin.grpc.pb.h>

#include "nvmed/error.h"
#include "nvmed/events.h"

namespace nvmed {
namespace {

TEST(Connection, BytesThatStayOnThisHostNeedNoTls) {
  for (const char* address :
       {"unix:/run/nvmed.sock", "unix:///run/nvmed.sock", "/run/nvmed.sock", "localhost:1", "127.0.0.2:1", "[::1]:1"}) {
    EXPECT_NE(connect(address), nullptr) << address;
  }
}

TEST(Connection, BytesThatLeaveItDo) {
  for (const char* address : {"storage-7.example.com:7443", "192.0.2.1:7443", "[2001:db8::1]:7443", "127.example.com:1",
                              "localhost", "unix:relative"}) {
    EXPECT_THROW(connect(address), std::invalid_argument) << address;
  }
}

TEST(Connection, FilesThatCannotBeUsedAreFoundBeforeTheFirstCall) {
  EXPECT_THROW(connect("storage-7.example.com:7443", {"/nonexistent/ca.pem", "", "", ""}), std::system_error);
  EXPECT_THROW(connect("storage-7.example.com:7443", {"/dev/null", "", "", ""}), std::invalid_argument);
  EXPECT_THROW(connect("storage-7.example.com:7443", {"/dev/null", "/dev/null", "", ""}), std::invalid_argument);
}

TEST(Connection, ADaemonThatIsNotThereIsUnavailable) {
  const auto stub = v1::AdminService::NewStub(connect("unix:/nonexistent/nvmed.sock"));
  grpc::ClientContext context;
  v1::ServerInfo info;
  const Error error(stub->GetServerInfo(&context, {}, &info));
  EXPECT_EQ(error.code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(error.reason, "");
}

TEST(Connection, WhoIsStoppedDoesNotWaitForADaemon) {
  Stop stop;
  stop.stop();
  Events events(connect("unix:/nonexistent/nvmed.sock"), {}, &stop);
  EXPECT_THROW(events.next(), Error);
}

}  // namespace
}  // namespace nvmed
