// Command nvmed-example lists the controllers of a host and saves a telemetry log of the first one:
//
//	nvmed-example -file nvme.telemetry unix:/run/nvmed/nvmed.sock
//	nvmed-example -ca ca.pem -cert me.pem -key me.key -file nvme.telemetry storage-7.example.com:4421
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/nvmed/nvmed/clients/go/nvmed"
	nvmedv1 "github.com/nvmed/nvmed/clients/go/nvmed/v1"
)

func main() {
	var files nvmed.TLS
	flag.StringVar(&files.CA, "ca", "", "certificates that verify the daemon; turns TLS on")
	flag.StringVar(&files.Certificate, "cert", "", "own certificate")
	flag.StringVar(&files.Key, "key", "", "own key")
	path := flag.String("file", "nvme.telemetry", "where the telemetry log goes")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	tls := &files
	if files.CA == "" {
		tls = nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Arg(0), tls, *path); err != nil {
		explain(err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address string, tls *nvmed.TLS, path string) error {
	connection, err := nvmed.Dial(address, tls)
	if err != nil {
		return err
	}
	defer connection.Close()

	inventory := nvmedv1.NewInventoryServiceClient(connection)
	page, err := inventory.ListControllers(ctx, &nvmedv1.ListControllersRequest{})
	if err != nil {
		return err
	}
	for _, controller := range page.Controllers {
		fmt.Println(controller.Name, controller.ModelNumber, controller.FirmwareRevision)
	}
	if len(page.Controllers) == 0 {
		return nil
	}

	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	log, err := nvmed.ReceiveTelemetry(ctx, nvmedv1.NewTelemetryServiceClient(connection), &nvmedv1.StreamTelemetryRequest{
		Controller: page.Controllers[0].Name,
		Source:     nvmedv1.TelemetrySource_TELEMETRY_SOURCE_HOST,
		Create:     true,
	}, file)
	if err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes, generation %d, sha256 %x\n",
		path, log.Trailer.TotalBytes, log.Trailer.GenerationNumber, log.SHA256)
	return nil
}

// explain says what is wrong, and what the daemon adds to that.
func explain(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	failure, ok := nvmed.FromError(err)
	if !ok {
		return
	}
	for _, field := range failure.Fields {
		fmt.Fprintf(os.Stderr, "  %s: %s\n", field.Field, field.Description)
	}
	if status := failure.NVMe; status != nil {
		fmt.Fprintf(os.Stderr, "  the drive answered %s to opcode %#02x\n", status.Mnemonic, status.Opcode)
	}
	if failure.RequestID != "" {
		fmt.Fprintf(os.Stderr, "  the daemon's log calls it %s\n", failure.RequestID)
	}
}
