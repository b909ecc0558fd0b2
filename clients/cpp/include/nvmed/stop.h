#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>

namespace grpc {
class ClientContext;
}

namespace nvmed {

// Ends what waits, from another thread: the call that goes on is cancelled, and the function throws its Error of code
// CANCELLED. Once stopped it stays so. It must outlive what it was given to.
class Stop {
 public:
  void stop();
  bool stopped() const;

 private:
  friend class Call;
  friend class Retry;

  void enter(grpc::ClientContext* call);
  void leave(grpc::ClientContext* call);
  // Sleeps that long, or until stopped: then false.
  bool sleep(std::chrono::milliseconds delay);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::set<grpc::ClientContext*> calls_;
  bool stopped_ = false;
};

}  // namespace nvmed
