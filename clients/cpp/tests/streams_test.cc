// Streams of a server that breaks the first of each kind.

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "digest.h"
#include "nvmed/connection.h"
#include "nvmed/error.h"
#include "nvmed/events.h"
#include "nvmed/telemetry.h"

namespace nvmed {
namespace {

const std::string kLog = "what the drive knows about itself";
constexpr std::size_t kBreaksAt = 10;

class BreakingEvents final : public v1::EventService::Service {
 public:
  grpc::Status WatchEvents(grpc::ServerContext*, const v1::WatchEventsRequest* request,
                           grpc::ServerWriter<v1::WatchEventsResponse>* writer) override {
    requests.push_back(*request);
    v1::WatchEventsResponse response;
    response.set_resume_token(requests.size() == 1 ? "one" : "two");
    writer->Write(response);
    if (requests.size() > 1) {
      return grpc::Status::OK;
    }
    writer->Write({});
    return {grpc::StatusCode::UNAVAILABLE, "broken"};
  }

  std::vector<v1::WatchEventsRequest> requests;
};

class BreakingTelemetry final : public v1::TelemetryService::Service {
 public:
  grpc::Status StreamTelemetry(grpc::ServerContext*, const v1::StreamTelemetryRequest* request,
                               grpc::ServerWriter<v1::StreamTelemetryResponse>* writer) override {
    requests.push_back(*request);
    v1::StreamTelemetryResponse response;
    response.mutable_header()->set_total_bytes(kLog.size());
    response.mutable_header()->set_start_offset(request->offset());
    response.mutable_header()->set_resume_token("token");
    writer->Write(response);
    const bool first = requests.size() == 1;
    v1::Chunk& chunk = *response.mutable_chunk();
    chunk.set_offset(request->offset());
    chunk.set_data(kLog.substr(request->offset(), first ? kBreaksAt : std::string::npos));
    chunk.set_crc32(crc32(chunk.data()) ^ (first ? 0 : damage));
    writer->Write(response);
    if (first) {
      return {grpc::StatusCode::UNAVAILABLE, "broken"};
    }
    Sha256 sum;
    sum.add(kLog);
    response.mutable_trailer()->set_total_bytes(kLog.size());
    response.mutable_trailer()->set_sha256(sum.finish());
    writer->Write(response);
    return grpc::Status::OK;
  }

  std::vector<v1::StreamTelemetryRequest> requests;
  std::uint32_t damage = 0;
};

class Streams : public testing::Test {
 protected:
  void SetUp() override {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("localhost:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&events_);
    builder.RegisterService(&telemetry_);
    server_ = builder.BuildAndStart();
    channel_ = connect("localhost:" + std::to_string(port));
  }

  BreakingEvents events_;
  BreakingTelemetry telemetry_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(Streams, EventsGoOnFromTheLastTokenThatWasNotEmpty) {
  v1::WatchEventsRequest request;
  request.set_include_snapshot(true);
  Events events(channel_, request);
  EXPECT_EQ(events.next()->resume_token(), "one");
  EXPECT_EQ(events.next()->resume_token(), "");
  EXPECT_EQ(events.next()->resume_token(), "two");
  EXPECT_FALSE(events.next());
  EXPECT_EQ(events.resume_token(), "two");
  ASSERT_EQ(events_.requests.size(), 2U);
  EXPECT_EQ(events_.requests[1].resume_token(), "one");
  EXPECT_TRUE(events_.requests[1].include_snapshot());
}

TEST_F(Streams, ALogGoesOnWhereItBroke) {
  std::string received;
  v1::StreamTelemetryRequest request;
  request.set_create(true);
  const TelemetryLog log =
      receive_telemetry(channel_, request, [&received](std::string_view data) { received += data; });
  EXPECT_EQ(received, kLog);
  EXPECT_EQ(log.streams, 2);
  EXPECT_EQ(telemetry_.requests[1].resume_token(), "token");
  EXPECT_EQ(telemetry_.requests[1].offset(), kBreaksAt);
  EXPECT_FALSE(telemetry_.requests[1].create());
}

TEST_F(Streams, NothingOfADamagedChunkIsPassedOn) {
  telemetry_.damage = 1;
  std::string received;
  EXPECT_THROW(receive_telemetry(channel_, {}, [&received](std::string_view data) { received += data; }), Corrupted);
  EXPECT_EQ(received, kLog.substr(0, kBreaksAt));
}

}  // namespace
}  // namespace nvmed
