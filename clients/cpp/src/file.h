#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nvmed {

// An open file; what fails is thrown as std::system_error.
class File {
 public:
  File(std::string path, int flags) : path_(std::move(path)), fd_(::open(path_.c_str(), flags | O_CLOEXEC, 0666)) {
    succeeded(fd_);
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write(std::string_view data) {
    while (!data.empty()) {
      data.remove_prefix(static_cast<std::size_t>(succeeded(::write(fd_, data.data(), data.size()))));
    }
  }

  void sync() { succeeded(::fsync(fd_)); }

  // Up to so many bytes from `offset` on; fewer at the end of the file.
  std::string read(std::uint64_t offset, std::size_t size) {
    std::string data(size, '\0');
    std::size_t got = 0;
    while (got < size) {
      const auto more = succeeded(::pread(fd_, data.data() + got, size - got, static_cast<off_t>(offset + got)));
      if (more == 0) {
        break;
      }
      got += static_cast<std::size_t>(more);
    }
    data.resize(got);
    return data;
  }

  std::uint64_t size() {
    struct stat about {};
    succeeded(::fstat(fd_, &about));
    return static_cast<std::uint64_t>(about.st_size);
  }

 private:
  template <typename Result>
  Result succeeded(Result result) const {
    if (result < 0) {
      throw std::system_error(errno, std::generic_category(), path_);
    }
    return result;
  }

  std::string path_;
  int fd_;
};

}  // namespace nvmed
