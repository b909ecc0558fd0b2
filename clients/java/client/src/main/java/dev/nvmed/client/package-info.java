/**
 * What a Java program needs beside the stubs of {@code dev.nvmed.v1} to manage the NVMe drives of a host: a connection,
 * errors with everything that the daemon says about them, telemetry logs that survive a cut connection, uploads of
 * firmware images, waiting for operations, and events of which none is missed.
 *
 * <pre>{@code
 * TlsFiles tls = TlsFiles.of(Path.of("ca.pem"), Path.of("me.pem"), Path.of("me.key"));
 * ManagedChannel channel = Connection.open("storage-7.example.com:7443", tls);
 * try {
 *   InventoryServiceGrpc.newBlockingStub(channel).listControllers(ListControllersRequest.getDefaultInstance());
 * } catch (StatusRuntimeException thrown) {
 *   switch (NvmedException.of(thrown).reason()) {
 *     case "PERMISSION_DENIED" -> ...
 *   }
 * } finally {
 *   channel.shutdown();
 * }
 * }</pre>
 *
 * <p>Methods that wait throw {@link InterruptedException} when their thread is interrupted, and cancel their call.
 */
package dev.nvmed.client;
