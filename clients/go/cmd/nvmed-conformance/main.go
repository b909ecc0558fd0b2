// Command nvmed-conformance goes through the scenario of clients/conformance, which says what each step does, and prints
// what each found.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/grpc"

	"github.com/nvmed/nvmed/clients/go/nvmed"
	nvmedv1 "github.com/nvmed/nvmed/clients/go/nvmed/v1"
)

var steps = []struct {
	name string
	run  func(*scenario, context.Context) (facts, error)
}{
	{"connect", (*scenario).connect},
	{"refuse-anonymous", (*scenario).refuseAnonymous},
	{"list-controllers", (*scenario).listControllers},
	{"receive-telemetry", (*scenario).receiveTelemetry},
	{"refuse-damage", (*scenario).refuseDamage},
	{"upload-image", (*scenario).uploadImage},
	{"stage-image", (*scenario).stageImage},
	{"wait-operation", (*scenario).waitOperation},
	{"error-not-found", (*scenario).errorNotFound},
	{"error-bad-field", (*scenario).errorBadField},
	{"error-nvme-status", (*scenario).errorNvmeStatus},
	{"error-operation", (*scenario).errorOperation},
}

func main() {
	scenario := &scenario{
		tls: nvmed.TLS{CA: os.Getenv("NVMED_CA"), Certificate: os.Getenv("NVMED_CERT"), Key: os.Getenv("NVMED_KEY")},
	}
	for _, step := range steps {
		found, err := step.run(scenario, context.Background())
		if err != nil {
			fmt.Printf("failed %s: %v\n", step.name, err)
			os.Exit(1)
		}
		fmt.Printf("ok %s %s\n", step.name, strings.Join(found, " "))
	}
}

// facts are what a step found, each as name=value.
type facts []string

func fact(name string, value any) string {
	return fmt.Sprintf("%s=%v", name, value)
}

// scenario is what steps leave to those after them.
type scenario struct {
	tls        nvmed.TLS
	connection *grpc.ClientConn
	controller string
	image      string
	operation  *longrunningpb.Operation
}

func (s *scenario) connect(ctx context.Context) (found facts, err error) {
	if s.connection, err = nvmed.Dial(os.Getenv("NVMED_ADDRESS"), &s.tls); err != nil {
		return nil, err
	}
	info, err := nvmedv1.NewAdminServiceClient(s.connection).GetServerInfo(ctx, &nvmedv1.GetServerInfoRequest{})
	if err != nil {
		return nil, err
	}
	return facts{fact("principal", info.Principal)}, nil
}

func (s *scenario) refuseAnonymous(ctx context.Context) (facts, error) {
	connection, err := nvmed.Dial(os.Getenv("NVMED_ADDRESS"), &nvmed.TLS{CA: s.tls.CA})
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	_, err = nvmedv1.NewAdminServiceClient(connection).GetServerInfo(ctx, &nvmedv1.GetServerInfoRequest{})
	failure, err := failureOf(err)
	if err != nil {
		return nil, err
	}
	return facts{fact("code", uint32(failure.Code))}, nil
}

func (s *scenario) listControllers(ctx context.Context) (facts, error) {
	client := nvmedv1.NewInventoryServiceClient(s.connection)
	request := &nvmedv1.ListControllersRequest{PageSize: 1}
	var names []string
	for {
		page, err := client.ListControllers(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, controller := range page.Controllers {
			names = append(names, controller.Name)
		}
		if request.PageToken = page.NextPageToken; request.PageToken == "" {
			break
		}
	}
	if len(names) == 0 {
		return nil, errors.New("the host has no controller")
	}
	s.controller = names[0]
	return facts{fact("names", strings.Join(names, ","))}, nil
}

func (s *scenario) receiveTelemetry(ctx context.Context) (facts, error) {
	file, err := os.Create(os.Getenv("NVMED_TELEMETRY"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	log, err := nvmed.ReceiveTelemetry(ctx, nvmedv1.NewTelemetryServiceClient(s.connection), &nvmedv1.StreamTelemetryRequest{
		Controller: s.controller,
		Source:     nvmedv1.TelemetrySource_TELEMETRY_SOURCE_HOST,
		Create:     true,
	}, file)
	if err != nil {
		return nil, err
	}
	return facts{
		fact("streams", log.Streams),
		fact("generation", log.Trailer.GenerationNumber),
		fact("sha256", fmt.Sprintf("%x", log.SHA256)),
	}, file.Sync()
}

func (s *scenario) refuseDamage(ctx context.Context) (facts, error) {
	connection, err := nvmed.Dial(os.Getenv("NVMED_DAMAGING_ADDRESS"), &s.tls)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	file, err := os.Create(os.Getenv("NVMED_DAMAGED"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	_, err = nvmed.ReceiveTelemetry(ctx, nvmedv1.NewTelemetryServiceClient(connection), &nvmedv1.StreamTelemetryRequest{
		Controller: s.controller,
		Source:     nvmedv1.TelemetrySource_TELEMETRY_SOURCE_HOST,
	}, file)
	if !errors.Is(err, nvmed.ErrCorrupted) {
		return nil, fmt.Errorf("damage was not found: %w", err)
	}
	about, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return facts{fact("bytes", about.Size())}, nil
}

func (s *scenario) uploadImage(ctx context.Context) (facts, error) {
	file, err := os.Open(os.Getenv("NVMED_IMAGE"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		return nil, err
	}
	client := nvmedv1.NewFirmwareServiceClient(s.connection)
	header := &nvmedv1.UploadHeader{FirmwareRevision: os.Getenv("NVMED_IMAGE_REVISION")}
	image, err := nvmed.UploadImage(ctx, client, header, file, about.Size())
	if err != nil {
		return nil, err
	}
	s.image = image.Name
	return facts{fact("image", s.image)}, nil
}

func (s *scenario) stageImage(ctx context.Context) (found facts, err error) {
	s.operation, err = nvmedv1.NewFirmwareServiceClient(s.connection).StageFirmware(ctx, &nvmedv1.StageFirmwareRequest{
		Controllers: []string{s.controller},
		Image:       s.image,
	})
	if err != nil {
		return nil, err
	}
	return facts{fact("operation", s.operation.Name)}, nil
}

func (s *scenario) waitOperation(ctx context.Context) (facts, error) {
	var staged nvmedv1.StageFirmwareResponse
	if err := nvmed.Wait(ctx, longrunningpb.NewOperationsClient(s.connection), s.operation, &staged); err != nil {
		return nil, err
	}
	if len(staged.Drives) != 1 {
		return nil, fmt.Errorf("%d drives were staged", len(staged.Drives))
	}
	drive := staged.Drives[0]
	return facts{
		fact("outcome", int32(drive.Outcome)), fact("slot", drive.Slot), fact("revision", drive.SlotRevision),
	}, nil
}

func (s *scenario) errorNotFound(ctx context.Context) (facts, error) {
	request := &nvmedv1.GetControllerRequest{Name: "controllers/none-1"}
	_, err := nvmedv1.NewInventoryServiceClient(s.connection).GetController(ctx, request)
	failure, err := failureOf(err)
	if err != nil {
		return nil, err
	}
	return append(described(failure), fact("name", failure.Metadata["name"])), nil
}

func (s *scenario) errorBadField(ctx context.Context) (facts, error) {
	_, err := nvmed.ReceiveTelemetry(ctx, nvmedv1.NewTelemetryServiceClient(s.connection), &nvmedv1.StreamTelemetryRequest{
		Controller: s.controller,
		Source:     nvmedv1.TelemetrySource_TELEMETRY_SOURCE_HOST,
		ChunkBytes: 1000,
	}, nil)
	failure, err := failureOf(err)
	if err != nil {
		return nil, err
	}
	var fields []string
	for _, violation := range failure.Fields {
		fields = append(fields, violation.Field)
	}
	return append(described(failure), fact("fields", strings.Join(fields, ","))), nil
}

func (s *scenario) errorNvmeStatus(ctx context.Context) (facts, error) {
	page := uint32(0xBF)
	stream, err := nvmedv1.NewLogServiceClient(s.connection).ReadLogPage(ctx, &nvmedv1.ReadLogPageRequest{
		Controller: s.controller, LogPage: &page, LengthBytes: 512,
	})
	for err == nil {
		_, err = stream.Recv()
	}
	failure, err := failureOf(err)
	if err != nil {
		return nil, err
	}
	// Without one these are 0, which is no status of a command that failed.
	status := failure.NVMe
	return append(
		described(failure),
		fact("sct", status.GetStatusCodeType()), fact("sc", status.GetStatusCode()), fact("opcode", status.GetOpcode()),
	), nil
}

func (s *scenario) errorOperation(ctx context.Context) (facts, error) {
	operation, err := nvmedv1.NewFirmwareServiceClient(s.connection).StageFirmware(ctx, &nvmedv1.StageFirmwareRequest{
		Controllers:   []string{s.controller},
		Image:         s.image,
		Preconditions: &nvmedv1.FirmwarePreconditions{ModelNumber: "ANOTHER_MODEL"},
	})
	if err != nil {
		return nil, err
	}
	err = nvmed.Wait(ctx, longrunningpb.NewOperationsClient(s.connection), operation, &nvmedv1.StageFirmwareResponse{})
	failure, err := failureOf(err)
	if err != nil {
		return nil, err
	}
	var gates []string
	for _, gate := range failure.Gates {
		gates = append(gates, gate.Type)
	}
	return facts{
		fact("operation", operation.Name),
		fact("code", uint32(failure.Code)), fact("reason", failure.Reason), fact("gates", strings.Join(gates, ",")),
	}, nil
}

// failureOf returns err as what the daemon said.
func failureOf(err error) (*nvmed.Error, error) {
	failure, ok := nvmed.FromError(err)
	if !ok {
		return nil, fmt.Errorf("should have failed, but: %v", err)
	}
	return failure, nil
}

// described are the facts that every failed call has.
func described(failure *nvmed.Error) facts {
	return facts{
		fact("code", uint32(failure.Code)), fact("reason", failure.Reason), fact("request_id", failure.RequestID),
	}
}
