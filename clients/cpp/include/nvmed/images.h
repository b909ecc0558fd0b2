#pragma once

#include <memory>
#include <string>

#include <grpcpp/channel.h>
#include <nvmed/v1/firmware.grpc.pb.h>

#include "nvmed/stop.h"

namespace nvmed {

// Puts a file into the host's spool, with the header's revision, model and labels; its SHA-256 and size are filled in,
// because the hash is the image's name: a daemon that has it already answers at once. A connection that breaks is made
// again, and the upload goes on from what the daemon has on disk. Throws Error if the call failed and is not to be
// resumed, std::system_error if the file cannot be read.
v1::Image upload_image(const std::shared_ptr<grpc::Channel>& channel, v1::UploadHeader header, const std::string& path,
                       Stop* stop = nullptr);

}  // namespace nvmed
