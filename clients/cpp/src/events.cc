#include "nvmed/events.h"

#include <utility>

#include "calls.h"
#include "retry.h"

namespace nvmed {

struct Events::State {
  std::unique_ptr<v1::EventService::StubInterface> stub;
  v1::WatchEventsRequest following;
  Stop* stop;
  Retry retry;
  // In this order: a reader does not outlive its call.
  std::optional<Call> call;
  std::unique_ptr<grpc::ClientReaderInterface<v1::WatchEventsResponse>> reader;

  void open() {
    reader.reset();
    call.emplace(stop);
    reader = stub->WatchEvents(&call->context, following);
  }

  void close() {
    call->context.TryCancel();
    reader.reset();
    call.reset();
  }
};

Events::Events(const std::shared_ptr<grpc::Channel>& channel, v1::WatchEventsRequest request, Stop* stop)
    : state_(new State{v1::EventService::NewStub(channel), std::move(request), stop, Retry(stop), {}, {}}) {}

Events::~Events() {
  if (state_->call) {
    state_->close();
  }
}

const std::string& Events::resume_token() const { return state_->following.resume_token(); }

std::optional<v1::WatchEventsResponse> Events::next() {
  State& state = *state_;
  while (true) {
    if (!state.reader) {
      state.open();
    }
    v1::WatchEventsResponse message;
    if (state.reader->Read(&message)) {
      state.retry.progressed();
      if (!message.resume_token().empty()) {
        state.following.set_resume_token(message.resume_token());
      }
      return message;
    }
    const grpc::Status status = state.reader->Finish();
    state.close();
    if (status.ok()) {
      return std::nullopt;
    }
    state.retry.pause(Error(status));
  }
}

}  // namespace nvmed
