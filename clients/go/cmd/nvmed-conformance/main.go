// Command nvmed-conformance goes through the scenario of clients/conformance, which says what each step does, and prints
// what each found.
package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

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
	{"watch-events", (*scenario).watchEvents},
	{"resume-events", (*scenario).resumeEvents},
	{"events-gap", (*scenario).eventsGap},
	{"upload-image", (*scenario).uploadImage},
	{"stage-image", (*scenario).stageImage},
	{"repeat-request", (*scenario).repeatRequest},
	{"error-request-reused", (*scenario).errorRequestReused},
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
	// event is the next message of the stream of events that two steps read.
	event     func() (*nvmedv1.WatchEventsResponse, error, bool)
	endEvents func()
	image     string
	staging   *nvmedv1.StageFirmwareRequest
	operation *longrunningpb.Operation
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

// captures are how many events resume-events waits for.
const captures = 3

func (s *scenario) watchEvents(ctx context.Context) (facts, error) {
	connection, err := nvmed.Dial(os.Getenv("NVMED_EVENTS_ADDRESS"), &s.tls)
	if err != nil {
		return nil, err
	}
	events := nvmed.WatchEvents(ctx, nvmedv1.NewEventServiceClient(connection), &nvmedv1.WatchEventsRequest{
		Kinds: []nvmedv1.EventKind{nvmedv1.EventKind_EVENT_KIND_CAPTURE_FINISHED},
	})
	s.event, s.endEvents = iter.Pull2(events)
	message, err, _ := s.event()
	if err != nil {
		return nil, err
	}
	if message.GetHeartbeat() == nil {
		return nil, fmt.Errorf("the stream begins with %v", message)
	}
	return facts{fact("part", "heartbeat")}, nil
}

func (s *scenario) resumeEvents(context.Context) (facts, error) {
	defer s.endEvents()
	var sequences, names []string
	for len(names) < captures {
		message, err, _ := s.event()
		if err != nil {
			return nil, err
		}
		if message.GetDropped() != nil {
			return nil, errors.New("events are missing")
		}
		if event := message.GetEvent(); event != nil {
			sequences = append(sequences, strconv.FormatUint(event.Sequence, 10))
			names = append(names, event.GetCaptureFinished().GetCapture())
		}
	}
	return facts{fact("sequences", strings.Join(sequences, ",")), fact("captures", strings.Join(names, ","))}, nil
}

func (s *scenario) eventsGap(ctx context.Context) (facts, error) {
	var dropped, controllers []string
	events := nvmed.WatchEvents(ctx, nvmedv1.NewEventServiceClient(s.connection), &nvmedv1.WatchEventsRequest{
		ResumeToken:     os.Getenv("NVMED_EVENTS_TOKEN"),
		IncludeSnapshot: true,
	})
	for message, err := range events {
		if err != nil {
			return nil, err
		}
		switch part := message.Part.(type) {
		case *nvmedv1.WatchEventsResponse_Dropped_:
			dropped = append(dropped, strconv.FormatUint(part.Dropped.Count, 10))
		case *nvmedv1.WatchEventsResponse_Event:
			if controller := part.Event.GetControllerState(); controller != nil {
				controllers = append(controllers, controller.Name)
			}
		case *nvmedv1.WatchEventsResponse_SnapshotEnd_:
			return facts{
				fact("dropped", strings.Join(dropped, ",")), fact("controllers", strings.Join(controllers, ",")),
			}, nil
		}
	}
	return nil, errors.New("the stream ended before the snapshot did")
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
	connection, err := nvmed.Dial(os.Getenv("NVMED_UPLOAD_ADDRESS"), &s.tls)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	client := nvmedv1.NewFirmwareServiceClient(connection)
	header := &nvmedv1.UploadHeader{FirmwareRevision: os.Getenv("NVMED_IMAGE_REVISION")}
	image, err := nvmed.UploadImage(ctx, client, header, file, about.Size())
	if err != nil {
		return nil, err
	}
	s.image = image.Name
	return facts{fact("image", s.image)}, nil
}

func (s *scenario) stageImage(ctx context.Context) (found facts, err error) {
	s.staging = &nvmedv1.StageFirmwareRequest{
		Controllers: []string{s.controller},
		Image:       s.image,
		RequestId:   os.Getenv("NVMED_REQUEST_ID"),
	}
	s.operation, err = nvmedv1.NewFirmwareServiceClient(s.connection).StageFirmware(ctx, s.staging)
	if err != nil {
		return nil, err
	}
	return facts{fact("operation", s.operation.Name)}, nil
}

func (s *scenario) repeatRequest(ctx context.Context) (facts, error) {
	same, err := nvmedv1.NewFirmwareServiceClient(s.connection).StageFirmware(ctx, s.staging)
	if err != nil {
		return nil, err
	}
	return facts{fact("operation", same.Name)}, nil
}

func (s *scenario) errorRequestReused(ctx context.Context) (facts, error) {
	another := proto.CloneOf(s.staging)
	another.MaxConcurrency = 2
	_, err := nvmedv1.NewFirmwareServiceClient(s.connection).StageFirmware(ctx, another)
	failure, err := failureOf(err)
	if err != nil {
		return nil, err
	}
	return described(failure), nil
}

func (s *scenario) waitOperation(ctx context.Context) (facts, error) {
	connection, err := nvmed.Dial(os.Getenv("NVMED_OPERATIONS_ADDRESS"), &s.tls)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	var staged nvmedv1.StageFirmwareResponse
	if err := nvmed.Wait(ctx, longrunningpb.NewOperationsClient(connection), s.operation, &staged); err != nil {
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
		fact("remedy", oneWord(failure.Remedy)),
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
		fact("remedy", oneWord(failure.Remedy)),
	}
}

// oneWord is a text as a value of a report, which has no blanks.
func oneWord(text string) string {
	return strings.ReplaceAll(text, " ", "_")
}
