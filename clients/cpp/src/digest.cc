#include "digest.h"

#include <array>
#include <stdexcept>

#include <zlib.h>

namespace nvmed {
namespace {

void succeeded(int result) {
  if (result != 1) {
    throw std::runtime_error("libcrypto cannot compute SHA-256");
  }
}

}  // namespace

std::uint32_t crc32(std::string_view data) {
  return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const unsigned char*>(data.data()), data.size()));
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { succeeded(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr)); }

void Sha256::add(std::string_view data) { succeeded(EVP_DigestUpdate(context_.get(), data.data(), data.size())); }

std::string Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned int length = 0;
  succeeded(EVP_DigestFinal_ex(context_.get(), sum.data(), &length));
  return {reinterpret_cast<const char*>(sum.data()), length};
}

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace nvmed
