package nvmed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"google.golang.org/protobuf/proto"

	nvmedv1 "github.com/nvmed/nvmed/clients/go/nvmed/v1"
)

// ErrCorrupted says that what arrived is not what was sent.
var ErrCorrupted = errors.New("transfer corrupted")

// TelemetryLog is a log that was received completely.
type TelemetryLog struct {
	// Header is that of the first stream, Trailer that of the last.
	Header  *nvmedv1.TelemetryHeader
	Trailer *nvmedv1.TelemetryTrailer
	// SHA256 is that of the whole log as it was received; the daemon's own was the same, unless none was asked for.
	SHA256 []byte
	// Streams is how many it took: more than one if the connection broke.
	Streams int
}

// ReceiveTelemetry streams the log that request names into sink: every byte checked, and taken up where it broke off if
// the connection breaks after the header. On an error forget what was written. TELEMETRY_GENERATION_CHANGED is worth
// another call, without Create: the log changed while it was read.
func ReceiveTelemetry(
	ctx context.Context,
	client nvmedv1.TelemetryServiceClient,
	request *nvmedv1.StreamTelemetryRequest,
	sink io.Writer,
) (*TelemetryLog, error) {
	var patience patience
	receiver := receiver{sink: sink, digest: request.Digest, whole: sha256.New()}
	next := proto.CloneOf(request)
	for {
		before := receiver.received
		err := receiver.stream(ctx, client, next)
		if err == nil {
			return &receiver.log, nil
		}
		// What fails before the header is not repeated: nobody knows whether the drive has captured already.
		header := receiver.log.Header
		if header == nil || !transient(err) {
			return nil, err
		}
		if err := patience.await(ctx, err, receiver.received > before); err != nil {
			return nil, err
		}
		next.Create, next.RequestId = false, ""
		next.ResumeToken, next.Offset = header.ResumeToken, receiver.received
	}
}

// receiver is one log as it grows over its streams; the first header binds all that follow.
type receiver struct {
	sink     io.Writer
	digest   nvmedv1.StreamDigest
	log      TelemetryLog
	received uint64
	whole    hash.Hash
	// part is the hash of this stream alone, from start on.
	part  hash.Hash
	start uint64
}

// stream receives until the log is complete, or returns why it is not.
func (r *receiver) stream(
	ctx context.Context, client nvmedv1.TelemetryServiceClient, request *nvmedv1.StreamTelemetryRequest,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.log.Streams++
	stream, err := client.StreamTelemetry(ctx, request)
	if err != nil {
		return err
	}
	var trailer *nvmedv1.TelemetryTrailer
	for {
		response, err := stream.Recv()
		if err == io.EOF {
			return r.finish(trailer)
		}
		if err != nil {
			return err
		}
		switch part := response.Part.(type) {
		case *nvmedv1.StreamTelemetryResponse_Header:
			err = r.begin(part.Header)
		case *nvmedv1.StreamTelemetryResponse_Chunk:
			err = r.append(part.Chunk)
		case *nvmedv1.StreamTelemetryResponse_Trailer:
			trailer = part.Trailer
		}
		if err != nil {
			return err
		}
	}
}

// begin starts a stream where the one before ended.
func (r *receiver) begin(header *nvmedv1.TelemetryHeader) error {
	if header.StartOffset != r.received {
		return fmt.Errorf("%w: the stream starts at %d, %d was asked for", ErrCorrupted, header.StartOffset, r.received)
	}
	if r.log.Header == nil {
		r.log.Header = header
	} else if !sameLog(r.log.Header, header) {
		return fmt.Errorf("%w: the resumed stream is of another log", ErrCorrupted)
	}
	r.part, r.start = sha256.New(), r.received
	return nil
}

func sameLog(one, other *nvmedv1.TelemetryHeader) bool {
	return one.Controller == other.Controller && one.Source == other.Source && one.DataArea == other.DataArea &&
		one.TotalBytes == other.TotalBytes && one.GenerationNumber == other.GenerationNumber
}

// append checks and passes on the next bytes.
func (r *receiver) append(chunk *nvmedv1.Chunk) error {
	switch {
	case r.part == nil:
		return fmt.Errorf("%w: a chunk before the header", ErrCorrupted)
	case chunk.Offset != r.received:
		return fmt.Errorf("%w: a chunk starts at %d, %d was due", ErrCorrupted, chunk.Offset, r.received)
	case crc32.ChecksumIEEE(chunk.Data) != chunk.Crc32:
		return fmt.Errorf("%w: the chunk at %d does not match its CRC-32", ErrCorrupted, chunk.Offset)
	}
	r.whole.Write(chunk.Data)
	r.part.Write(chunk.Data)
	if _, err := r.sink.Write(chunk.Data); err != nil {
		return err
	}
	r.received += uint64(len(chunk.Data))
	return nil
}

// proven tells whether the trailer has the digest that was asked for, and it is that of what was received.
func (r *receiver) proven(trailer *nvmedv1.TelemetryTrailer, covering hash.Hash) bool {
	if trailer.Digest == nvmedv1.StreamDigest_STREAM_DIGEST_NONE {
		return r.digest == nvmedv1.StreamDigest_STREAM_DIGEST_NONE
	}
	return bytes.Equal(covering.Sum(nil), trailer.Sha256)
}

// finish compares what was received with what the trailer says was sent.
func (r *receiver) finish(trailer *nvmedv1.TelemetryTrailer) error {
	header := r.log.Header
	if header == nil || trailer == nil {
		return fmt.Errorf("%w: the stream ended without a trailer", ErrCorrupted)
	}
	if r.received != header.TotalBytes || r.received != trailer.TotalBytes {
		return fmt.Errorf("%w: %d of %d bytes arrived", ErrCorrupted, r.received, trailer.TotalBytes)
	}
	if trailer.GenerationNumber != header.GenerationNumber {
		return fmt.Errorf("%w: the trailer is of generation %d", ErrCorrupted, trailer.GenerationNumber)
	}
	sums := map[uint64]hash.Hash{r.start: r.part, 0: r.whole}
	covering, ok := sums[trailer.HashCoversFromOffset]
	if !ok || !r.proven(trailer, covering) {
		return fmt.Errorf("%w: the bytes from %d on do not match their SHA-256", ErrCorrupted, trailer.HashCoversFromOffset)
	}
	r.log.Trailer, r.log.SHA256 = trailer, r.whole.Sum(nil)
	return nil
}
