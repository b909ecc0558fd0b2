import assert from "node:assert/strict";
import { test } from "node:test";

import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";

import {
  BadRequestSchema,
  ErrorInfoSchema,
  HelpSchema,
  PreconditionFailureSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";
import { NvmeStatusSchema, OsErrorSchema } from "./gen/nvmed/v1/errors_pb.js";
import { DOMAIN, NvmedError } from "./index.js";

function detail<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>) {
  return anyPack(schema, create(schema, init));
}

test("an error has everything that a status says", () => {
  const status = create(StatusSchema, {
    code: Code.FailedPrecondition,
    message: "no",
    details: [
      detail(ErrorInfoSchema, { domain: DOMAIN, reason: "GATE_FAILED", metadata: { slot: "1" } }),
      detail(RequestInfoSchema, { requestId: "abc" }),
      detail(BadRequestSchema, { fieldViolations: [{ field: "slot", description: "is read-only" }] }),
      detail(PreconditionFailureSchema, { violations: [{ type: "SLOT_WRITABLE", subject: "controllers/a-1" }] }),
      detail(RetryInfoSchema, { retryDelay: { seconds: 1n, nanos: 500_000_000 } }),
      detail(NvmeStatusSchema, { statusCodeType: 1, statusCode: 6, opcode: 0x10 }),
      detail(OsErrorSchema, { errno: 5 }),
      detail(HelpSchema, { links: [{ description: "use another slot" }] }),
    ],
  });
  const failure = NvmedError.fromStatus(status);
  assert.equal(failure.code, Code.FailedPrecondition);
  assert.equal(failure.message, "no");
  assert.equal(failure.reason, "GATE_FAILED");
  assert.deepEqual(failure.metadata, { slot: "1" });
  assert.equal(failure.requestId, "abc");
  assert.deepEqual(
    failure.fields.map(({ field }) => field),
    ["slot"],
  );
  assert.deepEqual(
    failure.gates.map(({ type }) => type),
    ["SLOT_WRITABLE"],
  );
  assert.equal(failure.retryDelayMs, 1500);
  assert.equal(failure.nvme?.statusCode, 6);
  assert.equal(failure.os?.errno, 5);
  assert.equal(failure.remedy, "use another slot");
});

test("what others say is no reason of the daemon's", () => {
  const details = [detail(ErrorInfoSchema, { domain: "example.com", reason: "GATE_FAILED" })];
  const failure = NvmedError.fromStatus(create(StatusSchema, { code: Code.Unavailable, message: "no", details }));
  assert.equal(failure.reason, "");
  assert.equal(failure.retryDelayMs, 0);
});

test("what is not from a call is none", () => {
  assert.equal(NvmedError.from(new Error("no")), undefined);
});
