/**
 * Lists the controllers of a host and saves a telemetry log of the first one:
 *
 *     node dist/example.js --file nvme.telemetry unix:/run/nvmed/nvmed.sock
 *     node dist/example.js --ca ca.pem --cert me.pem --key me.key --file nvme.telemetry storage-7.example.com:4421
 */
import { open } from "node:fs/promises";
import { parseArgs } from "node:util";

import { createClient } from "@connectrpc/connect";

import { InventoryService } from "./gen/nvmed/v1/inventory_pb.js";
import { TelemetryService, TelemetrySource } from "./gen/nvmed/v1/telemetry_pb.js";
import { connect, NvmedError, receiveTelemetry } from "./index.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ca: { type: "string" },
    cert: { type: "string" },
    key: { type: "string" },
    file: { type: "string", default: "nvme.telemetry" },
  },
});

async function main(address: string, path: string): Promise<void> {
  const tls = values.ca === undefined ? undefined : { ca: values.ca, certificate: values.cert, key: values.key };
  const transport = connect(address, tls);

  const { controllers } = await createClient(InventoryService, transport).listControllers({});
  for (const controller of controllers) {
    console.log(controller.name, controller.modelNumber, controller.firmwareRevision);
  }
  if (controllers[0] === undefined) {
    return;
  }

  const file = await open(path, "w", 0o600);
  try {
    const log = await receiveTelemetry(
      createClient(TelemetryService, transport),
      { controller: controllers[0].name, source: TelemetrySource.HOST, create: true },
      (data) => file.appendFile(data),
    );
    await file.sync();
    const { totalBytes, generationNumber } = log.trailer;
    console.log(`${path}: ${totalBytes} bytes, generation ${generationNumber}, sha256 ${log.sha256.toString("hex")}`);
  } finally {
    await file.close();
  }
}

/** Says what is wrong, and what the daemon adds to that. */
function explain(error: unknown): void {
  const failure = NvmedError.from(error);
  if (failure === undefined) {
    console.error("error:", error);
    return;
  }
  console.error(`error: ${failure.message} (${failure.reason})`);
  for (const { field, description } of failure.fields) {
    console.error(`  ${field}: ${description}`);
  }
  if (failure.nvme !== undefined) {
    console.error(`  the drive answered ${failure.nvme.mnemonic} to opcode 0x${failure.nvme.opcode.toString(16)}`);
  }
  if (failure.requestId !== "") {
    console.error(`  the daemon's log calls it ${failure.requestId}`);
  }
}

try {
  await main(positionals[0] ?? "unix:/run/nvmed/nvmed.sock", values.file);
} catch (error) {
  explain(error);
  process.exitCode = 1;
}
