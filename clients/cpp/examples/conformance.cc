// Goes through the scenario of clients/conformance, which says what each step does, and prints what each found.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include <nvmed/connection.h>
#include <nvmed/error.h>
#include <nvmed/events.h>
#include <nvmed/images.h>
#include <nvmed/operations.h>
#include <nvmed/telemetry.h>
#include <nvmed/v1/admin.grpc.pb.h>
#include <nvmed/v1/inventory.grpc.pb.h>
#include <nvmed/v1/log.grpc.pb.h>

namespace {

using google::longrunning::Operation;
namespace v1 = nvmed::v1;

constexpr std::size_t kEvents = 3;

// What a step found, each as name=value.
class Facts {
 public:
  template <typename Value>
  Facts& add(const std::string& name, const Value& value) {
    text_ << ' ' << name << '=' << value;
    return *this;
  }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
};

std::string env(const char* name) {
  const char* value = std::getenv(name);
  if (!value) {
    throw std::runtime_error(std::string(name) + " is not set");
  }
  return value;
}

template <typename List, typename Get>
std::string joined(const List& list, Get get) {
  std::string text;
  for (const auto& each : list) {
    text += (text.empty() ? "" : ",") + get(each);
  }
  return text;
}

std::string joined(const std::vector<std::string>& list) {
  return joined(list, [](const std::string& each) { return each; });
}

std::string one_word(std::string text) {
  std::replace(text.begin(), text.end(), ' ', '_');
  return text;
}

// What must fail failed with.
nvmed::Error failure_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const nvmed::Error& error) {
    return error;
  }
  throw std::runtime_error("should have failed");
}

// What every failed call has.
Facts described(const nvmed::Error& error) {
  Facts facts;
  facts.add("code", error.code).add("reason", error.reason).add("request_id", error.request_id);
  facts.add("remedy", one_word(error.remedy));
  return facts;
}

// The steps, and what they leave to those after them.
class Scenario {
 public:
  Facts connect() {
    grpc::ClientContext context;
    v1::ServerInfo info;
    nvmed::check(v1::AdminService::NewStub(channel())->GetServerInfo(&context, {}, &info));
    return std::move(Facts().add("principal", info.principal()));
  }

  Facts refuse_anonymous() {
    const auto anonymous = nvmed::connect(env("NVMED_ADDRESS"), {env("NVMED_CA"), "", "", ""});
    const nvmed::Error error = failure_of([&anonymous] {
      grpc::ClientContext context;
      v1::ServerInfo info;
      nvmed::check(v1::AdminService::NewStub(anonymous)->GetServerInfo(&context, {}, &info));
    });
    return std::move(Facts().add("code", error.code));
  }

  Facts list_controllers() {
    const auto stub = v1::InventoryService::NewStub(channel());
    std::vector<std::string> names;
    v1::ListControllersRequest request;
    request.set_page_size(1);
    do {
      grpc::ClientContext context;
      v1::ListControllersResponse page;
      nvmed::check(stub->ListControllers(&context, request, &page));
      for (const auto& controller : page.controllers()) {
        names.push_back(controller.name());
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    controller_ = names.at(0);
    return std::move(Facts().add("names", joined(names)));
  }

  Facts receive_telemetry() {
    v1::StreamTelemetryRequest request = host_log();
    request.set_create(true);
    const nvmed::TelemetryLog log = nvmed::save_telemetry(channel(), request, env("NVMED_TELEMETRY"));
    Facts facts;
    facts.add("streams", log.streams).add("generation", log.trailer.generation_number()).add("sha256", log.sha256);
    return facts;
  }

  Facts refuse_damage() {
    const std::string path = env("NVMED_DAMAGED");
    try {
      nvmed::save_telemetry(channel("NVMED_DAMAGING_ADDRESS"), host_log(), path);
    } catch (const nvmed::Corrupted&) {
      return std::move(Facts().add("bytes", std::filesystem::file_size(path)));
    }
    throw std::runtime_error("damage was not found");
  }

  Facts watch_events() {
    v1::WatchEventsRequest request;
    request.add_kinds(v1::EVENT_KIND_CAPTURE_FINISHED);
    events_.emplace(channel("NVMED_EVENTS_ADDRESS"), request);
    const auto part = events_->next()->part_case();
    return std::move(Facts().add("part", v1::WatchEventsResponse::descriptor()->FindFieldByNumber(part)->name()));
  }

  Facts resume_events() {
    std::vector<std::string> sequences;
    std::vector<std::string> captures;
    while (sequences.size() < kEvents) {
      const v1::WatchEventsResponse message = events_->next().value();
      if (message.has_event()) {
        sequences.push_back(std::to_string(message.event().sequence()));
        captures.push_back(message.event().capture_finished().capture());
      }
    }
    events_.reset();
    return std::move(Facts().add("sequences", joined(sequences)).add("captures", joined(captures)));
  }

  Facts events_gap() {
    v1::WatchEventsRequest request;
    request.set_resume_token(env("NVMED_EVENTS_TOKEN"));
    request.set_include_snapshot(true);
    nvmed::Events events(channel(), request);
    std::string dropped;
    std::vector<std::string> names;
    for (auto message = events.next().value(); !message.has_snapshot_end(); message = events.next().value()) {
      if (message.has_dropped()) {
        dropped = std::to_string(message.dropped().count());
      } else if (message.event().has_controller_state()) {
        names.push_back(message.event().controller());
      }
    }
    return std::move(Facts().add("dropped", dropped).add("controllers", joined(names)));
  }

  Facts upload_image() {
    v1::UploadHeader header;
    header.set_firmware_revision(env("NVMED_IMAGE_REVISION"));
    image_ = nvmed::upload_image(channel("NVMED_UPLOAD_ADDRESS"), header, env("NVMED_IMAGE")).name();
    return std::move(Facts().add("image", image_));
  }

  Facts stage_image() {
    operation_ = stage(staging());
    return std::move(Facts().add("operation", operation_.name()));
  }

  Facts repeat_request() { return std::move(Facts().add("operation", stage(staging()).name())); }

  Facts error_request_reused() {
    v1::StageFirmwareRequest request = staging();
    request.set_max_concurrency(2);
    return described(failure_of([&] { stage(request); }));
  }

  Facts wait_operation() {
    const auto staged = nvmed::wait_for<v1::StageFirmwareResponse>(channel("NVMED_OPERATIONS_ADDRESS"), operation_);
    const auto& drive = staged.drives(0);
    Facts facts;
    facts.add("outcome", static_cast<int>(drive.outcome())).add("slot", drive.slot());
    facts.add("revision", drive.slot_revision());
    return facts;
  }

  Facts error_not_found() {
    const nvmed::Error error = failure_of([this] {
      grpc::ClientContext context;
      v1::GetControllerRequest request;
      request.set_name("controllers/none-1");
      v1::Controller controller;
      nvmed::check(v1::InventoryService::NewStub(channel())->GetController(&context, request, &controller));
    });
    return std::move(described(error).add("name", error.metadata.at("name")));
  }

  Facts error_bad_field() {
    v1::StreamTelemetryRequest request = host_log();
    request.set_chunk_bytes(1000);
    const nvmed::Error error =
        failure_of([&] { nvmed::receive_telemetry(channel(), request, [](std::string_view) {}); });
    const std::string fields = joined(error.fields, [](const auto& field) { return field.field(); });
    return std::move(described(error).add("fields", fields));
  }

  Facts error_nvme_status() {
    const nvmed::Error error = failure_of([this] {
      grpc::ClientContext context;
      v1::ReadLogPageRequest request;
      request.set_controller(controller_);
      request.set_log_page(0xBF);
      request.set_length_bytes(512);
      const auto reader = v1::LogService::NewStub(channel())->ReadLogPage(&context, request);
      v1::ReadLogPageResponse response;
      while (reader->Read(&response)) {
      }
      nvmed::check(reader->Finish());
    });
    const v1::NvmeStatus& status = error.nvme.value();
    Facts facts = described(error);
    facts.add("sct", status.status_code_type()).add("sc", status.status_code()).add("opcode", status.opcode());
    return facts;
  }

  Facts error_operation() {
    v1::StageFirmwareRequest request = staging();
    request.clear_request_id();
    request.mutable_preconditions()->set_model_number("ANOTHER_MODEL");
    const Operation operation = stage(request);
    const nvmed::Error error = failure_of([&] { nvmed::wait(channel(), operation); });
    Facts facts;
    facts.add("operation", operation.name()).add("code", error.code).add("reason", error.reason);
    facts.add("remedy", one_word(error.remedy));
    facts.add("gates", joined(error.gates, [](const auto& gate) { return gate.type(); }));
    return facts;
  }

 private:
  // The connection over that line; made once.
  std::shared_ptr<grpc::Channel> channel(const char* variable = "NVMED_ADDRESS") {
    auto& channel = channels_[variable];
    if (!channel) {
      channel = nvmed::connect(env(variable), {env("NVMED_CA"), env("NVMED_CERT"), env("NVMED_KEY"), ""});
    }
    return channel;
  }

  // A host-initiated log of the first controller.
  v1::StreamTelemetryRequest host_log() const {
    v1::StreamTelemetryRequest request;
    request.set_controller(controller_);
    request.set_source(v1::TELEMETRY_SOURCE_HOST);
    return request;
  }

  // The image on the first controller.
  v1::StageFirmwareRequest staging() const {
    v1::StageFirmwareRequest request;
    request.add_controllers(controller_);
    request.set_image(image_);
    request.set_request_id(env("NVMED_REQUEST_ID"));
    return request;
  }

  Operation stage(const v1::StageFirmwareRequest& request) {
    grpc::ClientContext context;
    Operation operation;
    nvmed::check(v1::FirmwareService::NewStub(channel())->StageFirmware(&context, request, &operation));
    return operation;
  }

  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;
  std::string controller_;
  std::string image_;
  Operation operation_;
  std::optional<nvmed::Events> events_;
};

struct Step {
  const char* name;
  Facts (Scenario::*run)();
};

constexpr Step kSteps[] = {
    {"connect", &Scenario::connect},
    {"refuse-anonymous", &Scenario::refuse_anonymous},
    {"list-controllers", &Scenario::list_controllers},
    {"receive-telemetry", &Scenario::receive_telemetry},
    {"refuse-damage", &Scenario::refuse_damage},
    {"watch-events", &Scenario::watch_events},
    {"resume-events", &Scenario::resume_events},
    {"events-gap", &Scenario::events_gap},
    {"upload-image", &Scenario::upload_image},
    {"stage-image", &Scenario::stage_image},
    {"repeat-request", &Scenario::repeat_request},
    {"error-request-reused", &Scenario::error_request_reused},
    {"wait-operation", &Scenario::wait_operation},
    {"error-not-found", &Scenario::error_not_found},
    {"error-bad-field", &Scenario::error_bad_field},
    {"error-nvme-status", &Scenario::error_nvme_status},
    {"error-operation", &Scenario::error_operation},
};

}  // namespace

int main() {
  Scenario scenario;
  for (const Step& step : kSteps) {
    try {
      const std::string found = (scenario.*step.run)().text();
      std::cout << "ok " << step.name << found << std::endl;
    } catch (const std::exception& error) {
      std::cout << "failed " << step.name << ": " << error.what() << std::endl;
      return 1;
    }
  }
  return 0;
}
