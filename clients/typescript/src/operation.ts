/** Waiting for long-running operations. */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { CallOptions, Client } from "@connectrpc/connect";

import { NvmedError } from "./errors.js";
import type { Operation, Operations } from "./gen/google/longrunning/operations_pb.js";
import { isTransient, Patience } from "./retry.js";

/** How long one call asks the daemon to wait. */
const WAIT_AT_A_TIME = { seconds: 30n };

/**
 * Waits until `operation` is done; what it answered, of the type that its method names, for example
 * StageFirmwareResponseSchema. Throws the NvmedError that it ended with. A connection that breaks is made again, since
 * the operation goes on without it, as it does when the signal in `options` ends the waiting.
 */
export async function wait<Response extends DescMessage>(
  client: Client<typeof Operations>,
  operation: Operation,
  response: Response,
  options: CallOptions = {},
): Promise<MessageShape<Response>> {
  let patience = new Patience();
  while (!operation.done) {
    try {
      operation = await client.waitOperation({ name: operation.name, timeout: WAIT_AT_A_TIME }, options);
      patience = new Patience();
    } catch (error) {
      if (!isTransient(error)) {
        throw error;
      }
      await patience.wait(error, false, options.signal);
    }
  }
  const { result } = operation;
  if (result.case === "error") {
    throw NvmedError.fromStatus(result.value);
  }
  const answer = result.case === "response" ? anyUnpack(result.value, response) : undefined;
  if (answer === undefined) {
    throw new TypeError(`${operation.name} did not end with a ${response.typeName}`);
  }
  return answer;
}
