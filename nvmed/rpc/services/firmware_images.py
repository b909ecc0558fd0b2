"""nvmed.v1.FirmwareService, the part about bytes: uploads, images, and downloads that bypass the spool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, Final

from google.longrunning import operations_pb2 as longrunning
from isal import isal_zlib

from nvmed import limits
from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.firmware import images
from nvmed.firmware import stream as firmware_stream
from nvmed.firmware.fetch import Fetcher, Wanted
from nvmed.firmware.spool import Spool, Writer
from nvmed.firmware.spool_files import Image, Upload
from nvmed.firmware.staging import Firmware
from nvmed.firmware.stream import DirectDownload, Feed
from nvmed.operations.manager import Manager
from nvmed.preconditions.gates import check_overrides
from nvmed.reasons import Reason, error, invalid_field
from nvmed.rpc.call import current_call
from nvmed.rpc.convert.fitted import fitted, timestamp
from nvmed.rpc.listing import page
from nvmed.rpc.longrunning import begin, replayed
from nvmed.rpc.mutation import mutation
from nvmed.rpc.read_ahead import read_ahead
from nvmed.rpc.wire import ReceivedChunk
from nvmed.security.policy import may_see
from nvmed.v1 import firmware_pb2, operations_pb2
from nvmed.v1.common_pb2 import Chunk

IMAGES: Final = "images/"
UPLOADS: Final = "uploads/"
READ: Final = "firmware.read"


class ImageMethods:
    """The methods; a part of the servicer, which has what is declared here."""

    _spool: Spool
    _inventory: Inventory
    _firmware: Firmware
    _fetcher: Fetcher
    _operations: Manager

    async def UploadImage(
        self, requests: AsyncIterator[firmware_pb2.UploadImageRequest], context: Any
    ) -> AsyncGenerator[firmware_pb2.UploadImageResponse, None]:
        header = await _header(requests)
        wanted = _described(header)
        principal = current_call.get().principal.name
        if (present := self._spool.find_image(wanted.sha256)) is not None:
            yield firmware_pb2.UploadImageResponse(image=self._image(present))
            return
        if header.validate_only:
            upload = self._spool.expect(wanted, principal)
            yield _ready(upload.id, upload.committed_bytes)
            return
        async with (
            self._spool.receive(wanted, principal) as writer,
            read_ahead(requests) as messages,
            aclosing(_received(writer, messages)) as progress,
        ):
            yield _ready(writer.id, writer.committed_bytes)
            finished = False
            async for finished in progress:
                if not finished:
                    yield _progress(writer.committed_bytes)
            if finished:
                yield firmware_pb2.UploadImageResponse(image=self._image(await writer.finish()))
            else:
                await writer.commit()
                yield _progress(writer.committed_bytes)

    async def FetchImage(self, request: firmware_pb2.FetchImageRequest, context: Any) -> longrunning.Operation:
        if (known := await replayed(self._operations, request)) is not None:
            return known
        wanted = Wanted(self._fetcher.locate(request.url), _described(request), current_call.get().principal.name)
        return await begin(
            self._operations,
            request,
            IMAGES + wanted.image.sha256,
            partial(self._fetcher.check, wanted),
            partial(self._fetcher.fetch, wanted=wanted),
            url=wanted.location.shown,
        )

    async def GetUpload(self, request: firmware_pb2.GetUploadRequest, context: Any) -> firmware_pb2.Upload:
        return self._upload(self._spool.upload(request.name.removeprefix(UPLOADS)))

    async def ListUploads(
        self, request: firmware_pb2.ListUploadsRequest, context: Any
    ) -> firmware_pb2.ListUploadsResponse:
        reader = current_call.get().principal
        seen = [
            self._upload(upload)
            for upload in self._spool.uploads()
            if may_see(reader, READ, upload.principal, [UPLOADS + upload.id])
        ]
        shown, token = page(seen, request, firmware_pb2.Upload)
        return firmware_pb2.ListUploadsResponse(uploads=shown, next_page_token=token)

    async def AbortUpload(
        self, request: firmware_pb2.AbortUploadRequest, context: Any
    ) -> firmware_pb2.AbortUploadResponse:
        upload = request.name.removeprefix(UPLOADS)
        if request.validate_only:
            await self._spool.abort(upload, validate_only=True)
        else:
            run = partial(images.abort_upload, spool=self._spool, upload=upload)
            await self._operations.perform(mutation(request, request.name), run)
        return firmware_pb2.AbortUploadResponse(name=request.name)

    async def ListImages(
        self, request: firmware_pb2.ListImagesRequest, context: Any
    ) -> firmware_pb2.ListImagesResponse:
        shown, token = page([self._image(image) for image in self._spool.images()], request, firmware_pb2.Image)
        return firmware_pb2.ListImagesResponse(images=shown, next_page_token=token)

    async def GetImage(self, request: firmware_pb2.GetImageRequest, context: Any) -> firmware_pb2.Image:
        return self._image(self._spool.image(request.name.removeprefix(IMAGES)))

    async def DeleteImage(
        self, request: firmware_pb2.DeleteImageRequest, context: Any
    ) -> firmware_pb2.DeleteImageResponse:
        sha256 = request.name.removeprefix(IMAGES)
        if request.validate_only:
            await self._spool.delete(sha256, validate_only=True)
        else:
            run = partial(images.delete_image, spool=self._spool, sha256=sha256)
            await self._operations.perform(mutation(request, request.name), run)
        return firmware_pb2.DeleteImageResponse(name=request.name)

    async def DownloadFirmware(
        self, requests: AsyncIterator[firmware_pb2.DownloadFirmwareRequest], context: Any
    ) -> firmware_pb2.DownloadFirmwareResponse:
        header = await _header(requests)
        device = (await self._inventory.find(header.controller, "header.controller")).device
        wanted = DirectDownload(
            device=device,
            size_bytes=header.size_bytes,
            offset_bytes=header.offset_bytes,
            transfer_bytes=header.transfer_bytes,
            ignore_overlap=header.ignore_overlap,
            overrides=check_overrides(
                operations_pb2.Gate.Name(gate).removeprefix("GATE_") for gate in header.override_gates
            ),
        )
        if header.validate_only:
            return _downloaded(await firmware_stream.check(self._firmware, wanted))
        feed = Feed()
        asked = mutation(header, device.resource_name, size_bytes=header.size_bytes, offset_bytes=header.offset_bytes)
        work = partial(firmware_stream.run, self._firmware, wanted=wanted, feed=feed)
        # The operation is the manager's and outlives this call; what it needs of this call is cut when that ends.
        pumping = asyncio.create_task(_pump(requests, feed))
        try:
            return _downloaded(await self._operations.perform(asked, work))
        except asyncio.CancelledError:
            feed.cut()
            raise
        finally:
            pumping.cancel()
            with suppress(asyncio.CancelledError):
                await pumping

    def _image(self, image: Image) -> firmware_pb2.Image:
        return fitted(
            firmware_pb2.Image,
            name=IMAGES + image.sha256,
            sha256=bytes.fromhex(image.sha256),
            size_bytes=image.size_bytes,
            create_time=timestamp(image.created_ms),
            expire_time=timestamp(self._spool.expires_ms(image)),
            firmware_revision=image.firmware_revision,
            model_number=image.model_number,
            labels=image.labels,
        )

    def _upload(self, upload: Upload) -> firmware_pb2.Upload:
        return fitted(
            firmware_pb2.Upload,
            name=UPLOADS + upload.id,
            sha256=bytes.fromhex(upload.image.sha256),
            size_bytes=upload.image.size_bytes,
            committed_bytes=upload.committed_bytes,
            create_time=timestamp(upload.image.created_ms),
            expire_time=timestamp(self._spool.expires_ms(upload)),
            principal=upload.principal,
            received_bytes=self._spool.received_bytes(upload),
            receiving=self._spool.is_receiving(upload),
        )


def _described(message: firmware_pb2.UploadHeader | firmware_pb2.FetchImageRequest) -> Image:
    """The image that a request announces."""
    return Image(
        sha256=message.sha256.hex(),
        size_bytes=message.size_bytes,
        firmware_revision=message.firmware_revision,
        model_number=message.model_number,
        labels=dict(message.labels),
    )


async def _header(requests: AsyncIterator[Any]) -> Any:
    """The header that a stream of requests begins with."""
    first = await anext(requests, None)
    if first is None or isinstance(first, ReceivedChunk) or first.WhichOneof("part") != "header":
        raise invalid_field("header", "must be the first message of the stream")
    return first.header


async def _received(
    writer: Writer, messages: AsyncIterator[firmware_pb2.UploadImageRequest | ReceivedChunk]
) -> AsyncGenerator[bool, None]:
    """Write what arrives; yields False each time that more is committed, and True at the finish."""
    while (message := await _next(messages)) is not None:
        if isinstance(message, ReceivedChunk):
            chunk: ReceivedChunk | Chunk = message
        elif message.HasField("chunk"):
            chunk = message.chunk
        elif message.HasField("finish"):
            yield True
            return
        else:
            raise invalid_field("part", "must be a chunk or finish; header was sent already")
        if await writer.write(chunk.offset, chunk.crc32, chunk.data):
            yield False


async def _next(
    messages: AsyncIterator[firmware_pb2.UploadImageRequest | ReceivedChunk],
) -> firmware_pb2.UploadImageRequest | ReceivedChunk | None:
    """The next message, None at the end; raises CALL_TIMEOUT if none comes: what is not sent holds nothing."""
    try:
        async with asyncio.timeout(limits.UPLOAD_IDLE_S):
            return await anext(messages, None)
    except TimeoutError:
        raise error(
            Reason.CALL_TIMEOUT,
            f"nothing has arrived for {limits.UPLOAD_IDLE_S} s; call again and go on from committed_bytes",
            timeout_s=limits.UPLOAD_IDLE_S,
        ) from None


async def _pump(requests: AsyncIterator[firmware_pb2.DownloadFirmwareRequest], feed: Feed) -> None:
    """Check chunks and hand them over; the feed ends as the stream does."""
    due = 0
    try:
        async for request in requests:
            if request.WhichOneof("part") != "chunk":
                raise invalid_field("part", "must be a chunk; header was sent already")
            chunk = request.chunk
            if chunk.offset != due:
                raise error(
                    Reason.OFFSET_OUT_OF_RANGE,
                    f"chunk.offset: {chunk.offset}; the next chunk begins at {due}",
                    offset=chunk.offset,
                    expected=due,
                )
            data = chunk.data
            if isal_zlib.crc32(data) != chunk.crc32:
                raise error(
                    Reason.TRANSFER_CORRUPTED,
                    f"chunk: the bytes at offset {due} do not match their crc32; nothing was committed",
                    offset=due,
                )
            due += len(data)
            await feed.put(data)
    except NvmedError as exc:
        feed.end(exc)
    except asyncio.CancelledError:
        feed.cut()
        raise
    else:
        feed.end()


def _ready(upload: str, committed_bytes: int) -> firmware_pb2.UploadImageResponse:
    return firmware_pb2.UploadImageResponse(
        ready=fitted(
            firmware_pb2.UploadReady,
            upload=UPLOADS + upload,
            committed_bytes=committed_bytes,
            chunk_bytes_max=limits.CHUNK_BYTES_MAX,
        )
    )


def _progress(committed_bytes: int) -> firmware_pb2.UploadImageResponse:
    return firmware_pb2.UploadImageResponse(
        progress=fitted(firmware_pb2.UploadProgress, committed_bytes=committed_bytes)
    )


def _downloaded(result: Any) -> firmware_pb2.DownloadFirmwareResponse:
    return fitted(
        firmware_pb2.DownloadFirmwareResponse,
        controller=result["controller"],
        transfer_bytes=result["transfer_bytes"],
        size_bytes=result.get("size_bytes", 0),
        commands=result.get("commands", 0),
        sha256=bytes.fromhex(result.get("sha256", "")),
    )
