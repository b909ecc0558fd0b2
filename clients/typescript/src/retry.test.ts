import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";

import { ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";
import { DOMAIN, NvmedError } from "./index.js";
import { isTransient } from "./retry.js";

const CASES: [Code, string, boolean][] = [
  [Code.Unavailable, "DEVICE_GONE", true],
  [Code.Unavailable, "", true],
  [Code.Canceled, "", true],
  [Code.Canceled, "CALL_CANCELLED", true],
  [Code.Canceled, "OPERATION_CANCELLED", false],
  [Code.DeadlineExceeded, "COMMAND_TIMEOUT", true],
  [Code.DeadlineExceeded, "", false],
  [Code.Aborted, "NVME_ABORTED", true],
  [Code.Aborted, "TELEMETRY_GENERATION_CHANGED", false],
  [Code.FailedPrecondition, "GATE_FAILED", false],
];

for (const [code, reason, again] of CASES) {
  test(`after ${Code[code]} ${reason} a transfer is ${again ? "" : "not "}taken up again`, () => {
    const details =
      reason === "" ? [] : [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { domain: DOMAIN, reason }))];
    assert.equal(isTransient(NvmedError.fromStatus(create(StatusSchema, { code, details }))), again);
  });
}

test("what says when to try again is taken up again", () => {
  const details = [anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: { seconds: 1n } }))];
  const status = create(StatusSchema, { code: Code.ResourceExhausted, details });
  assert.equal(isTransient(NvmedError.fromStatus(status)), true);
});
