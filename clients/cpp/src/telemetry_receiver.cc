#include "telemetry_receiver.h"

#include "nvmed/error.h"

namespace nvmed {
namespace {

void expect(bool holds, const std::string& otherwise) {
  if (!holds) {
    throw Corrupted(otherwise);
  }
}

bool same_log(const v1::TelemetryHeader& one, const v1::TelemetryHeader& other) {
  return one.controller() == other.controller() && one.source() == other.source() &&
         one.data_area() == other.data_area() && one.total_bytes() == other.total_bytes() &&
         one.generation_number() == other.generation_number();
}

}  // namespace

void TelemetryReceiver::opened() {
  streams_++;
  part_.reset();
  trailer_.reset();
}

void TelemetryReceiver::accept(const v1::StreamTelemetryResponse& response) {
  switch (response.part_case()) {
    case v1::StreamTelemetryResponse::kHeader:
      return begin(response.header());
    case v1::StreamTelemetryResponse::kChunk:
      return append(response.chunk());
    case v1::StreamTelemetryResponse::kTrailer:
      trailer_ = response.trailer();
      return;
    case v1::StreamTelemetryResponse::PART_NOT_SET:
      return;  // what a newer daemon adds
  }
}

void TelemetryReceiver::begin(const v1::TelemetryHeader& header) {
  expect(header.start_offset() == received_, "the stream starts at " + std::to_string(header.start_offset()) + ", " +
                                                 std::to_string(received_) + " was asked for");
  expect(!header_ || same_log(*header_, header), "the resumed stream is of another log");
  if (!header_) {
    header_ = header;
  }
  part_.emplace();
  start_ = received_;
}

void TelemetryReceiver::append(const v1::Chunk& chunk) {
  expect(part_.has_value(), "a chunk before the header");
  expect(chunk.offset() == received_,
         "a chunk starts at " + std::to_string(chunk.offset()) + ", " + std::to_string(received_) + " was due");
  expect(crc32(chunk.data()) == chunk.crc32(),
         "the chunk at " + std::to_string(received_) + " does not match its CRC-32");
  whole_.add(chunk.data());
  part_->add(chunk.data());
  sink_(chunk.data());
  received_ += chunk.data().size();
}

TelemetryLog TelemetryReceiver::finish() {
  expect(part_ && trailer_, "the stream ended without a trailer");
  expect(received_ == header_->total_bytes() && received_ == trailer_->total_bytes(),
         std::to_string(received_) + " of " + std::to_string(trailer_->total_bytes()) + " bytes arrived");
  expect(trailer_->generation_number() == header_->generation_number(),
         "the trailer is of generation " + std::to_string(trailer_->generation_number()));
  const std::string whole = whole_.finish();
  const std::string part = part_->finish();
  const std::uint64_t from = trailer_->hash_covers_from_offset();
  const bool matches = (from == 0 && whole == trailer_->sha256()) || (from == start_ && part == trailer_->sha256());
  expect(trailer_->digest() == v1::STREAM_DIGEST_NONE ? digest_ == v1::STREAM_DIGEST_NONE : matches,
         "the bytes from " + std::to_string(from) + " on do not match their SHA-256");
  return {*header_, *trailer_, hex(whole), streams_};
}

}  // namespace nvmed
