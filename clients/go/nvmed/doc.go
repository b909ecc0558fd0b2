// Package nvmed is what a Go program needs beside the stubs of [github.com/nvmed/nvmed/clients/go/nvmed/v1] to manage
// the NVMe drives of a host: a connection, errors with everything that the daemon says about them, telemetry logs that
// survive a cut connection, uploads of firmware images, events of which none is missed, and waiting for operations.
//
//	connection, err := nvmed.Dial("storage-7.example.com:4421", &nvmed.TLS{CA: "ca.pem", Certificate: "me.pem", Key: "me.key"})
//	...
//	controllers := nvmedv1.NewInventoryServiceClient(connection)
//	page, err := controllers.ListControllers(ctx, &nvmedv1.ListControllersRequest{})
//	if failure, ok := nvmed.FromError(err); ok && failure.Reason == "CONTROLLER_NOT_FOUND" {
//	...
package nvmed
