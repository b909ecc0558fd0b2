#include "nvmed/connection.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <system_error>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "retry.h"

namespace nvmed {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw std::system_error(errno, std::generic_category(), path);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string read_pem(const std::string& path, const std::string& what) {
  std::string text = read(path);
  if (text.find("-----BEGIN ") == std::string::npos) {
    throw std::invalid_argument(path + " holds no " + what);
  }
  return text;
}

bool is_loopback(const std::string& address) {
  static const std::regex loopback(R"((localhost|127(\.\d{1,3}){3}|\[::1\]):\d+)");
  return std::regex_match(address, loopback);
}

grpc::ChannelArguments arguments() {
  grpc::ChannelArguments arguments;
  // Proxy variables are meant for the web, not for the storage host next door.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A stream can be silent while a drive thinks, so only pings show that its connection is dead.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // gRPC waits up to two minutes before it connects again, longer than a daemon needs to start.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, static_cast<int>(Retry::kFirstDelay.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(Retry::kMaxDelay.count()));
  // Nor before half a minute has passed since it looked up the name, which it does again when a connection has broken.
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, static_cast<int>(Retry::kFirstDelay.count()));
  return arguments;
}

}  // namespace

std::shared_ptr<grpc::Channel> connect(const std::string& address) {
  const bool path = address.rfind('/', 0) == 0;
  if (!path && address.rfind("unix:/", 0) != 0 && !is_loopback(address)) {
    throw std::invalid_argument(address + " is another host and needs TLS: give CA, certificate and key");
  }
  return grpc::CreateCustomChannel(path ? "unix:" + address : address, grpc::InsecureChannelCredentials(), arguments());
}

std::shared_ptr<grpc::Channel> connect(const std::string& address, const TlsFiles& files) {
  static const std::regex host_and_port(R"((\[[0-9a-fA-F:.]+\]|[^:/]+):\d+)");
  if (!std::regex_match(address, host_and_port)) {
    throw std::invalid_argument(address + " is not host:port");
  }
  if (files.certificate.empty() != files.key.empty()) {
    throw std::invalid_argument("a certificate needs its key and a key its certificate");
  }
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = read_pem(files.ca, "certificate");
  if (!files.certificate.empty()) {
    options.pem_cert_chain = read_pem(files.certificate, "certificate");
    options.pem_private_key = read_pem(files.key, "key");
  }
  grpc::ChannelArguments with = arguments();
  if (!files.server_name.empty()) {
    with.SetSslTargetNameOverride(files.server_name);
  }
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(options), with);
}

}  // namespace nvmed
