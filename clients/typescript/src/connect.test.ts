import assert from "node:assert/strict";
import { test } from "node:test";

import { Code, createClient } from "@connectrpc/connect";

import { AdminService } from "./gen/nvmed/v1/admin_pb.js";
import { connect, NvmedError } from "./index.js";

test("bytes leave this host with TLS only", () => {
  for (const address of ["unix:/run/nvmed.sock", "/run/nvmed.sock", "localhost:1", "127.0.0.2:1", "[::1]:1"]) {
    connect(address);
  }
  for (const address of ["storage-7.example.com:4421", "192.0.2.1:4421", "[2001:db8::1]:4421", "127.example.com:1"]) {
    assert.throws(() => connect(address), /needs TLS/);
  }
});

test("an address has a port", () => {
  assert.throws(() => connect("localhost"), /neither unix:\/path nor host:port/);
});

test("files that cannot be read are found before the first call", () => {
  assert.throws(() => connect("storage-7.example.com:4421", { ca: "/nonexistent/ca.pem" }), { code: "ENOENT" });
});

test("a daemon that is not there is unavailable", async () => {
  const call = createClient(AdminService, connect("unix:/nonexistent/nvmed.sock")).getServerInfo({});
  const failure = NvmedError.from(await call.catch((error: unknown) => error));
  assert.equal(failure?.code, Code.Unavailable);
  assert.equal(failure.reason, "");
});
