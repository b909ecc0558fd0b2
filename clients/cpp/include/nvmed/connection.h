#pragma once

#include <memory>
#include <string>

#include <grpcpp/channel.h>

namespace nvmed {

// The PEM files of a mutually authenticated connection. They are read when it is prepared: whoever renews a certificate
// prepares another.
struct TlsFiles {
  std::string ca;           // verifies the daemon
  std::string certificate;  // proves who calls; empty to call without one
  std::string key;          // belongs to the certificate
  std::string server_name;  // that the daemon's certificate must have; empty where it is the address's host
};

// Prepares a connection over a unix socket, `unix:/path` or `/path`, or over loopback without TLS. It is made with the
// first call, and again whenever it broke. Throws std::invalid_argument if the address is another host's, or none.
std::shared_ptr<grpc::Channel> connect(const std::string& address);

// Prepares a connection over TLS to `host:port`. Throws std::system_error if one of the files cannot be read, and
// std::invalid_argument if one has not what it should.
std::shared_ptr<grpc::Channel> connect(const std::string& address, const TlsFiles& files);

}  // namespace nvmed
