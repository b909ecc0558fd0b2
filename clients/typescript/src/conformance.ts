/** The scenario of clients/conformance, which says what each step does: prints what each found. */
import { open } from "node:fs/promises";

import { createClient, type Transport } from "@connectrpc/connect";

import { type Operation, Operations } from "./gen/google/longrunning/operations_pb.js";
import { AdminService } from "./gen/nvmed/v1/admin_pb.js";
import { EventKind, EventService, type WatchEventsResponse } from "./gen/nvmed/v1/event_pb.js";
import { FirmwareService, StageFirmwareResponseSchema } from "./gen/nvmed/v1/firmware_pb.js";
import { InventoryService } from "./gen/nvmed/v1/inventory_pb.js";
import { LogService } from "./gen/nvmed/v1/log_pb.js";
import { TelemetryService, TelemetrySource } from "./gen/nvmed/v1/telemetry_pb.js";
import {
  connect,
  CorruptedError,
  NvmedError,
  receiveTelemetry,
  type Tls,
  uploadImage,
  wait,
  watchEvents,
} from "./index.js";

/** What steps leave to those after them. */
interface Scenario {
  readonly tls: Tls;
  readonly transport: Transport;
  controller: string;
  image: string;
  events: AsyncGenerator<WatchEventsResponse, void> | undefined;
  operation: Operation | undefined;
}

/** So many events resume-events waits for. */
const CAPTURES = 3;

/** What a step found. */
type Facts = Record<string, string | number | undefined>;

const STEPS: Record<string, (scenario: Scenario) => Promise<Facts>> = {
  connect: async ({ transport }) => {
    const { principal } = await createClient(AdminService, transport).getServerInfo({});
    return { principal };
  },

  "refuse-anonymous": async ({ tls: { ca } }) => {
    const anonymous = createClient(AdminService, connect(variable("NVMED_ADDRESS"), { ca }));
    const { code } = await failureOf(anonymous.getServerInfo({}));
    return { code };
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
    scenario.controller = names[0] ?? "";
    return { names: names.join() };
  },

  "receive-telemetry": async ({ transport, controller }) => {
    const file = await open(variable("NVMED_TELEMETRY"), "w");
    try {
      const { streams, trailer, sha256 } = await receiveTelemetry(
        createClient(TelemetryService, transport),
        { controller, source: TelemetrySource.HOST, create: true },
        (data) => file.appendFile(data),
      );
      return { streams, generation: trailer.generationNumber, sha256: sha256.toString("hex") };
    } finally {
      await file.close();
    }
  },

  "refuse-damage": async ({ tls, controller }) => {
    const client = createClient(TelemetryService, connect(variable("NVMED_DAMAGING_ADDRESS"), tls));
    const file = await open(variable("NVMED_DAMAGED"), "w");
    try {
      await receiveTelemetry(client, { controller, source: TelemetrySource.HOST }, (data) => file.appendFile(data));
    } catch (error) {
      if (!(error instanceof CorruptedError)) {
        throw error;
      }
      return { bytes: (await file.stat()).size };
    } finally {
      await file.close();
    }
    throw new Error("damage was not found");
  },

  "watch-events": async (scenario) => {
    const client = createClient(EventService, connect(variable("NVMED_EVENTS_ADDRESS"), scenario.tls));
    scenario.events = watchEvents(client, { kinds: [EventKind.CAPTURE_FINISHED] });
    const { value } = await scenario.events.next();
    return { part: value?.part.case };
  },

  "resume-events": async ({ events }) => {
    const sequences: bigint[] = [];
    const captures: string[] = [];
    for await (const { part } of events ?? []) {
      if (part.case === "dropped") {
        throw new Error("events are missing");
      }
      if (part.case === "event") {
        const { sequence, detail } = part.value;
        sequences.push(sequence);
        captures.push(detail.case === "captureFinished" ? detail.value.capture : "");
      }
      if (captures.length === CAPTURES) {
        break;
      }
    }
    return { sequences: sequences.join(), captures: captures.join() };
  },

  "events-gap": async ({ transport }) => {
    const request = { resumeToken: variable("NVMED_EVENTS_TOKEN"), includeSnapshot: true };
    const dropped: bigint[] = [];
    const controllers: string[] = [];
    for await (const { part } of watchEvents(createClient(EventService, transport), request)) {
      if (part.case === "dropped") {
        dropped.push(part.value.count);
      }
      if (part.case === "event" && part.value.detail.case === "controllerState") {
        controllers.push(part.value.detail.value.name);
      }
      if (part.case === "snapshotEnd") {
        break;
      }
    }
    return { dropped: dropped.join(), controllers: controllers.join() };
  },

  "upload-image": async (scenario) => {
    const file = await open(variable("NVMED_IMAGE"));
    try {
      const about = { firmwareRevision: variable("NVMED_IMAGE_REVISION") };
      const client = createClient(FirmwareService, connect(variable("NVMED_UPLOAD_ADDRESS"), scenario.tls));
      const { name } = await uploadImage(client, about, file);
      scenario.image = name;
      return { image: name };
    } finally {
      await file.close();
    }
  },

  "stage-image": async (scenario) => {
    scenario.operation = await createClient(FirmwareService, scenario.transport).stageFirmware(staging(scenario));
    return { operation: scenario.operation.name };
  },

  "repeat-request": async (scenario) => {
    const { name } = await createClient(FirmwareService, scenario.transport).stageFirmware(staging(scenario));
    return { operation: name };
  },

  "error-request-reused": async (scenario) => {
    const another = { ...staging(scenario), maxConcurrency: 2 };
    return described(await failureOf(createClient(FirmwareService, scenario.transport).stageFirmware(another)));
  },

  "wait-operation": async ({ tls, operation }) => {
    if (operation === undefined) {
      throw new Error("nothing was staged");
    }
    const client = createClient(Operations, connect(variable("NVMED_OPERATIONS_ADDRESS"), tls));
    const { drives } = await wait(client, operation, StageFirmwareResponseSchema);
    return { outcome: drives[0]?.outcome, slot: drives[0]?.slot, revision: drives[0]?.slotRevision };
  },

  "error-not-found": async ({ transport }) => {
    const name = "controllers/none-1";
    const failure = await failureOf(createClient(InventoryService, transport).getController({ name }));
    return { ...described(failure), name: failure.metadata["name"] };
  },

  "error-bad-field": async ({ transport, controller }) => {
    const client = createClient(TelemetryService, transport);
    const request = { controller, source: TelemetrySource.HOST, chunkBytes: 1000 };
    const failure = await failureOf(receiveTelemetry(client, request, () => undefined));
    return { ...described(failure), fields: failure.fields.map((violation) => violation.field).join() };
  },

  "error-nvme-status": async ({ transport, controller }) => {
    const stream = createClient(LogService, transport).readLogPage({ controller, logPage: 0xbf, lengthBytes: 512n });
    const failure = await failureOf(exhaust(stream));
    const { statusCodeType, statusCode, opcode } = failure.nvme ?? {};
    return { ...described(failure), sct: statusCodeType, sc: statusCode, opcode };
  },

  "error-operation": async ({ transport, controller, image }) => {
    const operation = await createClient(FirmwareService, transport).stageFirmware({
      controllers: [controller],
      image,
      preconditions: { modelNumber: "ANOTHER_MODEL" },
    });
    const waiting = wait(createClient(Operations, transport), operation, StageFirmwareResponseSchema);
    const { code, reason, gates, remedy } = await failureOf(waiting);
    const types = gates.map((gate) => gate.type).join();
    return { operation: operation.name, code, reason, gates: types, remedy: oneWord(remedy) };
  },
};

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`the environment has no ${name}`);
  }
  return value;
}

/** What every failed call has. */
function described({ code, reason, requestId, remedy }: NvmedError): Facts {
  return { code, reason, request_id: requestId, remedy: oneWord(remedy) };
}

/** A text as a value of a report, which has no blanks. */
function oneWord(text: string): string {
  return text.replaceAll(" ", "_");
}

/** What is asked for twice. */
function staging({ controller, image }: Scenario) {
  return { controllers: [controller], image, requestId: variable("NVMED_REQUEST_ID") };
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
  const tls = { ca: variable("NVMED_CA"), certificate: variable("NVMED_CERT"), key: variable("NVMED_KEY") };
  const transport = connect(variable("NVMED_ADDRESS"), tls);
  const scenario: Scenario = { tls, transport, controller: "", image: "", events: undefined, operation: undefined };
  for (const [name, step] of Object.entries(STEPS)) {
    try {
      const facts = Object.entries(await step(scenario)).map(([key, value]) => `${key}=${value}`);
      console.log(["ok", name, ...facts].join(" "));
    } catch (error) {
      console.log(`failed ${name}: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
      return;
    }
  }
}

await main();
