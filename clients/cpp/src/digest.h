#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>

namespace nvmed {

// CRC-32 as zlib computes it.
std::uint32_t crc32(std::string_view data);

// SHA-256 of what is added.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view data);
  // The 32 bytes; nothing is added afterwards.
  std::string finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// In lower case hexadecimal.
std::string hex(std::string_view bytes);

}  // namespace nvmed
