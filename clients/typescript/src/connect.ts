/** How a client reaches a daemon. */
import { readFileSync } from "node:fs";
import { connect as connectSocket, isIP } from "node:net";
import { connect as connectTls, createSecureContext } from "node:tls";

import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

/** Largest message either way; the daemon has the same limit. */
const MESSAGE_BYTES_MAX = 4 << 20;

/** PEM files of a mutually authenticated connection, read again for each: a renewed pair needs no restart. */
export interface Tls {
  /** Verifies the daemon. */
  ca: string;
  /** With `key`, proves who calls. */
  certificate?: string | undefined;
  key?: string | undefined;
  /** Name that the daemon's certificate must have, where it is not the address's host. */
  serverName?: string | undefined;
}

/**
 * A transport to the daemon at `address`, which is unix:/path, /path or host:port; for
 * `createClient(InventoryService, connect(...))`. It connects with the first call, and again whenever the connection
 * broke. TLS is needed towards another host, and has no use on a unix socket, where permissions say who may connect.
 */
export function connect(address: string, tls?: Tls): Transport {
  const options = {
    readMaxBytes: MESSAGE_BYTES_MAX,
    writeMaxBytes: MESSAGE_BYTES_MAX,
    acceptCompression: [],
    interceptors: [unavailable],
    // A stream can be silent while a drive thinks, so only pings show that its connection is dead.
    pingIntervalMs: 30_000,
    pingTimeoutMs: 10_000,
  };
  const path = address.startsWith("/") ? address : /^unix:(.+)/.exec(address)?.[1];
  if (path !== undefined) {
    const createConnection = () => connectSocket(path);
    return createGrpcTransport({ ...options, baseUrl: "http://localhost", nodeOptions: { createConnection } });
  }
  const { hostname, port } = new URL(`tcp://${address}`);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (port === "") {
    throw new TypeError(`${address} is neither unix:/path nor host:port`);
  }
  if (tls === undefined) {
    if (host !== "localhost" && host !== "::1" && !(isIP(host) === 4 && host.startsWith("127."))) {
      throw new TypeError(`${address} is another host and needs TLS: give CA, certificate and key`);
    }
    return createGrpcTransport({ ...options, baseUrl: `http://${address}` });
  }
  const secureContext = () =>
    createSecureContext({
      ca: readFileSync(tls.ca),
      cert: tls.certificate && readFileSync(tls.certificate),
      key: tls.key && readFileSync(tls.key),
      minVersion: "TLSv1.3",
    });
  secureContext(); // files that cannot be used are found now, rather than with the first call
  const where = { host, port: Number(port), servername: tls.serverName ?? (isIP(host) ? "" : host) };
  const createConnection = () => connectTls({ ...where, secureContext: secureContext(), ALPNProtocols: ["h2"] });
  return createGrpcTransport({ ...options, baseUrl: `https://${address}`, nodeOptions: { createConnection } });
}

/** Says UNAVAILABLE, as every other gRPC does, of a connection that cannot be made or breaks: Connect has several codes. */
const unavailable: Interceptor = (next) => async (request) => {
  const translate = (error: unknown) => (isBroken(error, request.signal) ? broken(error) : error);
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: translated(response.message, translate) } : response;
  } catch (error) {
    throw translate(error);
  }
};

function isBroken(error: unknown, signal: AbortSignal): error is ConnectError {
  if (!(error instanceof ConnectError) || error.metadata.has("grpc-status") || signal.aborted) {
    return false; // the daemon's word, or the caller's
  }
  for (let { cause } = error; cause instanceof Error; { cause } = cause) {
    if ("code" in cause && typeof cause.code === "string") {
      return true; // of Node.js: ECONNREFUSED, ERR_SSL_...
    }
  }
  return error.code === Code.Canceled; // the stream's reset, and nobody asked for it
}

function broken(error: ConnectError): ConnectError {
  return new ConnectError(error.rawMessage, Code.Unavailable, undefined, undefined, error);
}

async function* translated<Message>(
  messages: AsyncIterable<Message>,
  translate: (error: unknown) => unknown,
): AsyncIterable<Message> {
  try {
    yield* messages;
  } catch (error) {
    throw translate(error);
  }
}
