// Lists the controllers of a host and saves a telemetry log of the first one:
//
//   nvmed-example --file nvme.telemetry unix:/run/nvmed/nvmed.sock
//   nvmed-example --ca ca.pem --cert me.pem --key me.key --file nvme.telemetry storage-7.example.com:7443
#include <iostream>
#include <map>

#include <nvmed/connection.h>
#include <nvmed/error.h>
#include <nvmed/telemetry.h>
#include <nvmed/v1/inventory.grpc.pb.h>

namespace {

using Options = std::map<std::string, std::string>;

void run(const std::shared_ptr<grpc::Channel>& channel, const std::string& file) {
  const auto inventory = nvmed::v1::InventoryService::NewStub(channel);
  grpc::ClientContext context;
  nvmed::v1::ListControllersResponse page;
  nvmed::check(inventory->ListControllers(&context, {}, &page));
  for (const auto& controller : page.controllers()) {
    std::cout << controller.name() << ' ' << controller.model_number() << ' ' << controller.firmware_revision() << '\n';
  }
  if (page.controllers().empty()) {
    return;
  }
  nvmed::v1::StreamTelemetryRequest request;
  request.set_controller(page.controllers(0).name());
  request.set_source(nvmed::v1::TELEMETRY_SOURCE_HOST);
  request.set_create(true);
  const nvmed::TelemetryLog log = nvmed::save_telemetry(channel, request, file);
  std::cout << file << ": " << log.trailer.total_bytes() << " bytes, generation " << log.trailer.generation_number()
            << ", sha256 " << log.sha256 << '\n';
}

// Says what is wrong, and what the daemon adds to that.
void explain(const nvmed::Error& error) {
  std::cerr << "error: " << error.what() << '\n';
  for (const auto& field : error.fields) {
    std::cerr << "  " << field.field() << ": " << field.description() << '\n';
  }
  if (error.nvme) {
    std::cerr << "  the drive answered " << error.nvme->mnemonic() << " to opcode " << error.nvme->opcode() << '\n';
  }
  if (!error.remedy.empty()) {
    std::cerr << "  " << error.remedy << '\n';
  }
  if (!error.request_id.empty()) {
    std::cerr << "  the daemon's log calls it " << error.request_id << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options{{"--file", "nvme.telemetry"}};
  int at = 1;
  for (; at + 1 < argc && std::string(argv[at]).rfind("--", 0) == 0; at += 2) {
    options[argv[at]] = argv[at + 1];
  }
  if (at != argc - 1 || std::string(argv[at]).rfind("--", 0) == 0) {
    std::cerr << "usage: nvmed-example [--ca FILE [--cert FILE --key FILE]] [--file FILE] ADDRESS\n";
    return 2;
  }
  try {
    const bool tls = options.count("--ca") > 0;
    run(tls ? nvmed::connect(argv[at], {options["--ca"], options["--cert"], options["--key"], ""})
            : nvmed::connect(argv[at]),
        options["--file"]);
    return 0;
  } catch (const nvmed::Error& error) {
    explain(error);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
  }
  return 1;
}
