#include "nvmed/images.h"

#include <algorithm>
#include <optional>

#include "calls.h"
#include "digest.h"
#include "file.h"
#include "retry.h"

namespace nvmed {
namespace {

// The size of a chunk, unless the daemon takes less.
constexpr std::uint64_t kChunkBytes = 512 << 10;

using Stream = grpc::ClientReaderWriterInterface<v1::UploadImageRequest, v1::UploadImageResponse>;

// The daemon has not noticed yet that the call before is gone, or a chunk was damaged on its way.
bool upload_again(const Error& failure) {
  return failure.reason == "UPLOAD_BUSY" || failure.reason == "TRANSFER_CORRUPTED";
}

std::string sha256(File& file) {
  Sha256 sum;
  std::uint64_t offset = 0;
  for (std::string data = file.read(0, kChunkBytes); !data.empty(); data = file.read(offset, kChunkBytes)) {
    sum.add(data);
    offset += data.size();
  }
  return sum.finish();
}

// Sends what the daemon does not have. It stops where the call is over: its end then tells why.
void send(Stream& stream, const v1::UploadHeader& header, const v1::UploadReady& ready, File& file) {
  const std::uint64_t most = std::min<std::uint64_t>(kChunkBytes, ready.chunk_bytes_max());
  for (std::uint64_t offset = ready.committed_bytes(); offset < header.size_bytes();) {
    v1::UploadImageRequest request;
    v1::Chunk& chunk = *request.mutable_chunk();
    chunk.set_offset(offset);
    chunk.set_data(file.read(offset, std::min(most, header.size_bytes() - offset)));
    chunk.set_crc32(crc32(chunk.data()));
    if (chunk.data().empty()) {
      throw std::runtime_error("the file became shorter while it was sent");
    }
    offset += chunk.data().size();
    if (!stream.Write(request)) {
      return;
    }
  }
  v1::UploadImageRequest request;
  request.mutable_finish();
  if (stream.Write(request)) {
    stream.WritesDone();
  }
}

// One call; `committed` is set to what the daemon says to have on disk when it begins.
v1::Image attempt(v1::FirmwareService::StubInterface& stub, const v1::UploadHeader& header, File& file,
                  std::uint64_t& committed, Stop* stop) {
  Call call(stop);
  const auto stream = stub.UploadImage(&call.context);
  v1::UploadImageRequest request;
  *request.mutable_header() = header;
  stream->Write(request);
  std::optional<v1::Image> done;
  v1::UploadImageResponse response;
  while (stream->Read(&response)) {  // up to the end, or the daemon would call it cancelled
    if (response.has_ready()) {
      committed = response.ready().committed_bytes();
      send(*stream, header, response.ready(), file);
    } else if (response.has_image()) {
      done = response.image();
    }
  }
  check(stream->Finish());
  if (!done) {
    throw Corrupted("the daemon ended the upload without an answer");
  }
  return *done;
}

}  // namespace

v1::Image upload_image(const std::shared_ptr<grpc::Channel>& channel, v1::UploadHeader header, const std::string& path,
                       Stop* stop) {
  const auto stub = v1::FirmwareService::NewStub(channel);
  File file(path, O_RDONLY);
  header.set_sha256(sha256(file));
  header.set_size_bytes(file.size());
  Retry retry(stop);
  std::uint64_t committed = 0;
  while (true) {
    const std::uint64_t before = committed;
    try {
      return attempt(*stub, header, file, committed, stop);
    } catch (const Error& failure) {
      if (committed > before) {
        retry.progressed();
      }
      retry.pause(failure, is_transient(failure) || upload_again(failure));
    }
  }
}

}  // namespace nvmed
