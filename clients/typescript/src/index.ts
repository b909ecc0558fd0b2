/** Client of nvmed: what a program needs beside the generated messages and services of `nvmed/v1/*`. */
export { connect, type Tls } from "./connect.js";
export { DOMAIN, NvmedError } from "./errors.js";
export { watchEvents } from "./events.js";
export { wait } from "./operation.js";
export { CorruptedError, receiveTelemetry, type Sink, type TelemetryLog } from "./telemetry.js";
export { uploadImage } from "./upload.js";
