/** The scenario of clients/conformance, which says what each step must show: prints `ok STEP` for each. */
import { open } from "node:fs/promises";

import { Code, createClient, type Transport } from "@connectrpc/connect";

import { type Operation, Operations } from "./gen/google/longrunning/operations_pb.js";
import { AdminService } from "./gen/nvmed/v1/admin_pb.js";
import {
  FirmwareOutcome,
  FirmwareService,
  type Image,
  StageFirmwareResponseSchema,
} from "./gen/nvmed/v1/firmware_pb.js";
import { InventoryService } from "./gen/nvmed/v1/inventory_pb.js";
import { LogService } from "./gen/nvmed/v1/log_pb.js";
import { TelemetryService, TelemetrySource } from "./gen/nvmed/v1/telemetry_pb.js";
import { connect, NvmedError, receiveTelemetry, uploadImage, wait } from "./index.js";

/** What steps leave to those after them. */
interface Scenario {
  address: string;
  ca: string;
  transport: Transport;
  controller: string;
  image: Image;
  operation: Operation;
}

const STEPS: Record<string, (scenario: Scenario) => Promise<void>> = {
  "connect": async ({ transport }) => {
    const info = await createClient(AdminService, transport).getServerInfo({});
    expect("principal", info.principal, variable("NVMED_PRINCIPAL"));
  },

  "refuse-anonymous": async ({ address, ca }) => {
    const failure = await failureOf(createClient(AdminService, connect(address, { ca })).getServerInfo({}));
    expect("code", failure.code, Code.Unavailable);
  },

  "list-controllers": async (scenario) => {
    const client = createClient(InventoryService, scenario.transport);
    const names: string[] = [];
    let pageToken = "";
    do {
      const page = await client.listControllers({ pageSize: 1, pageToken });
      names.push(...page.controllers.map((controller) => controller.name));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect("number of controllers", names.length, 2);
    scenario.controller = names[0] ?? "";
    expect("collection of the name", scenario.controller.split("/")[0], "controllers");
  },

  "receive-telemetry": async ({ transport, controller }) => {
    const file = await open(variable("NVMED_TELEMETRY"), "w");
    try {
      const log = await receiveTelemetry(
        createClient(TelemetryService, transport),
        { controller, source: TelemetrySource.HOST, create: true },
        (data) => file.appendFile(data),
      );
      if (log.streams < 2) {
        throw new Error("the stream was not cut, so nothing was resumed");
      }
    } finally {
      await file.close();
    }
  },

  "upload-image": async (scenario) => {
    const file = await open(variable("NVMED_IMAGE"));
    try {
      const about = { firmwareRevision: variable("NVMED_IMAGE_REVISION") };
      scenario.image = await uploadImage(createClient(FirmwareService, scenario.transport), about, file);
    } finally {
      await file.close();
    }
    const { name, sha256 } = scenario.image;
    expect("name of the image", name, `images/${Buffer.from(sha256).toString("hex")}`);
  },

  "stage-image": async (scenario) => {
    const { transport, controller, image } = scenario;
    const request = { controllers: [controller], image: image.name };
    scenario.operation = await createClient(FirmwareService, transport).stageFirmware(request);
  },

  "wait-operation": async ({ transport, operation }) => {
    const staged = await wait(createClient(Operations, transport), operation, StageFirmwareResponseSchema);
    expect("number of drives", staged.drives.length, 1);
    expect("outcome", staged.drives[0]?.outcome, FirmwareOutcome.STAGED);
    expect("revision in the slot", staged.drives[0]?.slotRevision, variable("NVMED_IMAGE_REVISION"));
  },

  "error-not-found": async ({ transport }) => {
    const name = "controllers/none-1";
    const failure = await failureOf(createClient(InventoryService, transport).getController({ name }));
    expect("code", failure.code, Code.NotFound);
    expect("reason", failure.reason, "CONTROLLER_NOT_FOUND");
    expect("metadata", failure.metadata["name"], name);
    if (failure.requestId === "") {
      throw new Error("the error does not say what the daemon's log calls it");
    }
  },

  "error-bad-field": async ({ transport, controller }) => {
    const client = createClient(TelemetryService, transport);
    const request = { controller, source: TelemetrySource.HOST, chunkBytes: 1000 };
    const failure = await failureOf(receiveTelemetry(client, request, () => undefined));
    expect("code", failure.code, Code.InvalidArgument);
    expect("reason", failure.reason, "INVALID_FIELD");
    expect("wrong fields", failure.fields.map((violation) => violation.field).join(), "chunk_bytes");
  },

  "error-nvme-status": async ({ transport, controller }) => {
    const stream = createClient(LogService, transport).readLogPage({ controller, logPage: 0xbf, lengthBytes: 512n });
    const failure = await failureOf(exhaust(stream));
    expect("code", failure.code, Code.Unimplemented);
    expect("reason", failure.reason, "NVME_UNSUPPORTED");
    expect("status code type", failure.nvme?.statusCodeType, 1);
    expect("status code", failure.nvme?.statusCode, 0x09);
    expect("opcode", failure.nvme?.opcode, 0x02);
  },

  "error-operation": async ({ transport, controller, image }) => {
    const operation = await createClient(FirmwareService, transport).stageFirmware({
      controllers: [controller],
      image: image.name,
      preconditions: { modelNumber: "ANOTHER MODEL" },
    });
    const failure = await failureOf(wait(createClient(Operations, transport), operation, StageFirmwareResponseSchema));
    expect("code", failure.code, Code.FailedPrecondition);
    expect("reason", failure.reason, "GATE_FAILED");
    expect("failed gates", failure.gates.map((gate) => gate.type).join(), "EXPECTED_MODEL");
  },
};

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`the environment has no ${name}`);
  }
  return value;
}

function expect(what: string, got: unknown, wanted: unknown): void {
  if (got !== wanted) {
    throw new Error(`${what}: ${String(got)}, expected ${String(wanted)}`);
  }
}

/** What `call` fails with, which must come from a call. */
async function failureOf(call: Promise<unknown>): Promise<NvmedError> {
  try {
    await call;
  } catch (error) {
    const failure = NvmedError.from(error);
    if (failure === undefined) {
      throw error;
    }
    return failure;
  }
  throw new Error("the call did not fail");
}

async function exhaust(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream) {
    // what comes before the error does not matter
  }
}

async function main(): Promise<void> {
  const address = variable("NVMED_ADDRESS");
  const ca = variable("NVMED_CA");
  const transport = connect(address, { ca, certificate: variable("NVMED_CERT"), key: variable("NVMED_KEY") });
  const scenario = { address, ca, transport } as Scenario;
  for (const [name, step] of Object.entries(STEPS)) {
    try {
      await step(scenario);
    } catch (error) {
      console.log(`failed ${name}: ${error instanceof Error ? error.message : String(error)}`);
      process.exit(1);
    }
    console.log(`ok ${name}`);
  }
}

await main();
