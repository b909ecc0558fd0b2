// Command nvmed-conformance goes through the scenario of clients/conformance, which says what each step must show, and
// prints `ok STEP` for each.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/nvmed/nvmed/clients/go/nvmed"
	nvmedv1 "github.com/nvmed/nvmed/clients/go/nvmed/v1"
)

var steps = []struct {
	name string
	run  func(*scenario, context.Context) error
}{
	{"connect", (*scenario).connect},
	{"refuse-anonymous", (*scenario).refuseAnonymous},
	{"list-controllers", (*scenario).listControllers},
	{"receive-telemetry", (*scenario).receiveTelemetry},
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
		address: os.Getenv("NVMED_ADDRESS"),
		tls:     nvmed.TLS{CA: os.Getenv("NVMED_CA"), Certificate: os.Getenv("NVMED_CERT"), Key: os.Getenv("NVMED_KEY")},
	}
	for _, step := range steps {
		if err := step.run(scenario, context.Background()); err != nil {
			fmt.Printf("failed %s: %v\n", step.name, err)
			os.Exit(1)
		}
		fmt.Println("ok", step.name)
	}
}

// scenario is what steps leave to those after them.
type scenario struct {
	address    string
	tls        nvmed.TLS
	connection *grpc.ClientConn
	controller string
	image      *nvmedv1.Image
	operation  *longrunningpb.Operation
}

func (s *scenario) connect(ctx context.Context) (err error) {
	if s.connection, err = nvmed.Dial(s.address, &s.tls); err != nil {
		return err
	}
	info, err := nvmedv1.NewAdminServiceClient(s.connection).GetServerInfo(ctx, &nvmedv1.GetServerInfoRequest{})
	if err != nil {
		return err
	}
	return expect("principal", info.Principal, os.Getenv("NVMED_PRINCIPAL"))
}

func (s *scenario) refuseAnonymous(ctx context.Context) error {
	connection, err := nvmed.Dial(s.address, &nvmed.TLS{CA: s.tls.CA})
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = nvmedv1.NewAdminServiceClient(connection).GetServerInfo(ctx, &nvmedv1.GetServerInfoRequest{})
	failure, ok := nvmed.FromError(err)
	if !ok {
		return fmt.Errorf("a client without a certificate got in: %v", err)
	}
	return expect("code", failure.Code, codes.Unavailable)
}

func (s *scenario) listControllers(ctx context.Context) error {
	client := nvmedv1.NewInventoryServiceClient(s.connection)
	request := &nvmedv1.ListControllersRequest{PageSize: 1}
	var names []string
	for {
		page, err := client.ListControllers(ctx, request)
		if err != nil {
			return err
		}
		for _, controller := range page.Controllers {
			names = append(names, controller.Name)
		}
		if request.PageToken = page.NextPageToken; request.PageToken == "" {
			break
		}
	}
	if err := expect("number of controllers", len(names), 2); err != nil {
		return err
	}
	s.controller = names[0]
	if !strings.HasPrefix(s.controller, "controllers/") {
		return fmt.Errorf("%s is no resource name", s.controller)
	}
	return nil
}

func (s *scenario) receiveTelemetry(ctx context.Context) error {
	file, err := os.Create(os.Getenv("NVMED_TELEMETRY"))
	if err != nil {
		return err
	}
	defer file.Close()
	log, err := nvmed.ReceiveTelemetry(ctx, nvmedv1.NewTelemetryServiceClient(s.connection), &nvmedv1.StreamTelemetryRequest{
		Controller: s.controller,
		Source:     nvmedv1.TelemetrySource_TELEMETRY_SOURCE_HOST,
		Create:     true,
	}, file)
	if err != nil {
		return err
	}
	if log.Streams < 2 {
		return errors.New("the stream was not cut, so nothing was resumed")
	}
	return file.Sync()
}

func (s *scenario) uploadImage(ctx context.Context) error {
	file, err := os.Open(os.Getenv("NVMED_IMAGE"))
	if err != nil {
		return err
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		return err
	}
	client := nvmedv1.NewFirmwareServiceClient(s.connection)
	header := &nvmedv1.UploadHeader{FirmwareRevision: os.Getenv("NVMED_IMAGE_REVISION")}
	if s.image, err = nvmed.UploadImage(ctx, client, header, file, about.Size()); err != nil {
		return err
	}
	return expect("name of the image", s.image.Name, fmt.Sprintf("images/%x", s.image.Sha256))
}

func (s *scenario) stageImage(ctx context.Context) (err error) {
	s.operation, err = nvmedv1.NewFirmwareServiceClient(s.connection).StageFirmware(ctx, &nvmedv1.StageFirmwareRequest{
		Controllers: []string{s.controller},
		Image:       s.image.Name,
	})
	return err
}

func (s *scenario) waitOperation(ctx context.Context) error {
	var staged nvmedv1.StageFirmwareResponse
	if err := nvmed.Wait(ctx, longrunningpb.NewOperationsClient(s.connection), s.operation, &staged); err != nil {
		return err
	}
	if err := expect("number of drives", len(staged.Drives), 1); err != nil {
		return err
	}
	drive := staged.Drives[0]
	if err := expect("outcome", drive.Outcome, nvmedv1.FirmwareOutcome_FIRMWARE_OUTCOME_STAGED); err != nil {
		return err
	}
	return expect("revision in the slot", drive.SlotRevision, os.Getenv("NVMED_IMAGE_REVISION"))
}

func (s *scenario) errorNotFound(ctx context.Context) error {
	request := &nvmedv1.GetControllerRequest{Name: "controllers/none-1"}
	_, err := nvmedv1.NewInventoryServiceClient(s.connection).GetController(ctx, request)
	failure, err := expectFailure(err, codes.NotFound, "CONTROLLER_NOT_FOUND")
	if err != nil {
		return err
	}
	if failure.RequestID == "" {
		return errors.New("the error does not say what the daemon's log calls it")
	}
	return expect("metadata", failure.Metadata["name"], request.Name)
}

func (s *scenario) errorBadField(ctx context.Context) error {
	_, err := nvmed.ReceiveTelemetry(ctx, nvmedv1.NewTelemetryServiceClient(s.connection), &nvmedv1.StreamTelemetryRequest{
		Controller: s.controller,
		Source:     nvmedv1.TelemetrySource_TELEMETRY_SOURCE_HOST,
		ChunkBytes: 1000,
	}, nil)
	failure, err := expectFailure(err, codes.InvalidArgument, "INVALID_FIELD")
	if err != nil {
		return err
	}
	if err := expect("number of wrong fields", len(failure.Fields), 1); err != nil {
		return err
	}
	return expect("wrong field", failure.Fields[0].Field, "chunk_bytes")
}

func (s *scenario) errorNvmeStatus(ctx context.Context) error {
	page := uint32(0xBF)
	stream, err := nvmedv1.NewLogServiceClient(s.connection).ReadLogPage(ctx, &nvmedv1.ReadLogPageRequest{
		Controller: s.controller, LogPage: &page, LengthBytes: 512,
	})
	for err == nil {
		_, err = stream.Recv()
	}
	failure, err := expectFailure(err, codes.Unimplemented, "NVME_UNSUPPORTED")
	if err != nil {
		return err
	}
	if failure.NVMe == nil {
		return errors.New("the error does not say what the drive answered")
	}
	got := [...]uint32{failure.NVMe.StatusCodeType, failure.NVMe.StatusCode, failure.NVMe.Opcode}
	return expect("status code type, status code and opcode", got, [...]uint32{1, 0x09, 0x02})
}

func (s *scenario) errorOperation(ctx context.Context) error {
	operation, err := nvmedv1.NewFirmwareServiceClient(s.connection).StageFirmware(ctx, &nvmedv1.StageFirmwareRequest{
		Controllers:   []string{s.controller},
		Image:         s.image.Name,
		Preconditions: &nvmedv1.FirmwarePreconditions{ModelNumber: "ANOTHER MODEL"},
	})
	if err != nil {
		return err
	}
	err = nvmed.Wait(ctx, longrunningpb.NewOperationsClient(s.connection), operation, &nvmedv1.StageFirmwareResponse{})
	failure, err := expectFailure(err, codes.FailedPrecondition, "GATE_FAILED")
	if err != nil {
		return err
	}
	if err := expect("number of failed gates", len(failure.Gates), 1); err != nil {
		return err
	}
	return expect("failed gate", failure.Gates[0].Type, "EXPECTED_MODEL")
}

func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: %v, expected %v", what, got, want)
	}
	return nil
}

// expectFailure returns err as what the daemon said, if it said this.
func expectFailure(err error, code codes.Code, reason string) (*nvmed.Error, error) {
	failure, ok := nvmed.FromError(err)
	if !ok {
		return nil, fmt.Errorf("got %v, expected %s", err, reason)
	}
	return failure, errors.Join(expect("code", failure.Code, code), expect("reason", failure.Reason, reason))
}
