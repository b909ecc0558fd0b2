package nvmed

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"

	"google.golang.org/protobuf/proto"

	nvmedv1 "github.com/nvmed/nvmed/clients/go/nvmed/v1"
)

// uploadChunkBytes is the size of a chunk, unless the daemon takes less.
const uploadChunkBytes = 512 << 10

// UploadImage puts the size bytes of image into the host's spool, with header's revision, model and labels; its SHA-256
// and size are filled in, because the hash is the image's name: a daemon that has it already answers at once. A
// connection that breaks is made again, and the upload goes on from what the daemon has on disk.
func UploadImage(
	ctx context.Context,
	client nvmedv1.FirmwareServiceClient,
	header *nvmedv1.UploadHeader,
	image io.ReaderAt,
	size int64,
) (*nvmedv1.Image, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(image, 0, size)); err != nil {
		return nil, err
	}
	header = proto.CloneOf(header)
	header.Sha256, header.SizeBytes = sum.Sum(nil), uint64(size)
	var patience patience
	var committed uint64
	for {
		before := committed
		done, err := upload(ctx, client, header, image, &committed)
		if err == nil {
			return done, nil
		}
		if !transient(err) && !uploadAgain(err) {
			return nil, err
		}
		if err := patience.await(ctx, err, committed > before); err != nil {
			return nil, err
		}
	}
}

// uploadAgain tells whether the daemon has not noticed yet that the call before is gone, or a chunk was damaged on its
// way.
func uploadAgain(err error) bool {
	failure, ok := FromError(err)
	return ok && (failure.Reason == "UPLOAD_BUSY" || failure.Reason == "TRANSFER_CORRUPTED")
}

// upload is one call; committed is set to what the daemon says to have on disk when it begins.
func upload(
	ctx context.Context,
	client nvmedv1.FirmwareServiceClient,
	header *nvmedv1.UploadHeader,
	image io.ReaderAt,
	committed *uint64,
) (*nvmedv1.Image, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.UploadImage(ctx)
	if err != nil {
		return nil, err
	}
	err = stream.Send(&nvmedv1.UploadImageRequest{Part: &nvmedv1.UploadImageRequest_Header{Header: header}})
	if err != nil && err != io.EOF {
		return nil, err
	}
	var done *nvmedv1.Image
	for {
		response, err := stream.Recv()
		if err == io.EOF && done != nil {
			return done, nil
		}
		if err == io.EOF {
			return nil, fmt.Errorf("%w: the daemon ended the upload without an answer", ErrCorrupted)
		}
		if err != nil {
			return nil, err
		}
		switch part := response.Part.(type) {
		case *nvmedv1.UploadImageResponse_Image:
			done = part.Image // up to the end, or the daemon would call it cancelled
		case *nvmedv1.UploadImageResponse_Ready:
			*committed = part.Ready.CommittedBytes
			if err := sendImage(stream, header, image, part.Ready); err != nil && err != io.EOF {
				return nil, err
			}
		}
	}
}

// sendImage sends what the daemon does not have. It returns io.EOF if the call is over: Recv then tells why.
func sendImage(
	stream nvmedv1.FirmwareService_UploadImageClient,
	header *nvmedv1.UploadHeader,
	image io.ReaderAt,
	ready *nvmedv1.UploadReady,
) error {
	buffer := make([]byte, min(uploadChunkBytes, ready.ChunkBytesMax))
	for offset := ready.CommittedBytes; offset < header.SizeBytes; {
		data := buffer[:min(uint64(len(buffer)), header.SizeBytes-offset)]
		if _, err := image.ReadAt(data, int64(offset)); err != nil && err != io.EOF {
			return err
		}
		chunk := &nvmedv1.Chunk{Offset: offset, Crc32: crc32.ChecksumIEEE(data), Data: data}
		if err := stream.Send(&nvmedv1.UploadImageRequest{Part: &nvmedv1.UploadImageRequest_Chunk{Chunk: chunk}}); err != nil {
			return err
		}
		offset += uint64(len(data))
	}
	finish := &nvmedv1.UploadImageRequest_Finish{Finish: &nvmedv1.UploadFinish{}}
	return stream.Send(&nvmedv1.UploadImageRequest{Part: finish})
}
