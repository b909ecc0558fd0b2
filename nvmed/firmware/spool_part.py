"""The file of one upload while a client writes it. Everything here blocks."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace

from isal import isal_zlib

from nvmed.disk.files import digest_of
from nvmed.files import open_descriptor
from nvmed.firmware.spool_files import (
    Image,
    SpoolFolder,
    Upload,
    committed_field,
    dump_image,
    dump_upload,
)
from nvmed.reasons import Reason, error


class PartFile:
    """The bytes of an upload, the hash of them, and the sidecar that says how many are on disk.

    `received_bytes` were written, `committed_bytes` of them are on disk: the sidecar is overwritten in place after
    each sync, so whatever state of it a power cut leaves is true. After an error nothing but `close` may follow; what
    had been committed is there when the file is opened again.
    """

    def __init__(self, folder: SpoolFolder, upload: Upload, *, fresh: bool) -> None:
        """Open the file of `upload`, `fresh` if there is none yet; hashes what is committed. Raises `OSError`."""
        self._folder = folder
        self._upload = upload
        self._part = self._sidecar = -1
        try:
            self._part = folder.disk.create(folder.part(upload.id))
            if fresh:  # behind the file, so that syncing the directory once is enough for both
                folder.write_sidecar(upload.id, dump_upload(upload))
            self._sidecar = open_descriptor(folder.sidecar(upload.id), os.O_WRONLY | os.O_NOFOLLOW)
            self.committed_bytes = min(upload.committed_bytes, os.fstat(self._part).st_size)
            os.ftruncate(self._part, self.committed_bytes)
            self._digest = digest_of(self._part, self.committed_bytes)
        except OSError:
            self._close()
            if fresh:
                self._forget()
            raise
        self.received_bytes = self.committed_bytes

    def append(self, data: bytes | memoryview, crc32: int) -> None:
        """Check and write the next bytes; raises TRANSFER_CORRUPTED."""
        if isal_zlib.crc32(data) != crc32:
            raise error(
                Reason.TRANSFER_CORRUPTED,
                f"chunk: the bytes at offset {self.received_bytes} do not match their crc32; send them again",
                offset=self.received_bytes,
            )
        self._folder.disk.write(self._part, data, self.received_bytes)
        self._digest.update(data)
        self.received_bytes += len(data)

    def commit(self) -> None:
        """Return once everything written is on disk and known to be."""
        if self.received_bytes != self.committed_bytes:
            self._folder.disk.sync(self._part)
            self._folder.disk.write(self._sidecar, committed_field(self.received_bytes), 0)
            self._folder.disk.sync(self._sidecar)  # or the client, which may have let go of them, is asked again
            self.committed_bytes = self.received_bytes

    def close(self) -> None:
        """Let go of the file; what is not committed is cut off, for it may be holes after a power cut."""
        with suppress(OSError):
            os.ftruncate(self._part, self.committed_bytes)
        self._close()

    def publish(self, now_ms: int) -> Image:
        """Make an image of the complete upload, after `commit`.

        Raises IMAGE_REJECTED, and then the upload is gone; `OSError`, and then it is as it was.
        """
        folder, upload = self._folder, self._upload
        if self._digest.hexdigest() != upload.image.sha256:
            self._forget()
            raise error(
                Reason.IMAGE_REJECTED,
                f"sha256: what arrived has the SHA-256 {self._digest.hexdigest()}; the upload was discarded",
                expected=upload.image.sha256,
                found=self._digest.hexdigest(),
            )
        image = replace(upload.image, created_ms=now_ms, used_ms=now_ms)
        part, target = folder.part(upload.id), folder.image(image.sha256)
        folder.write_sidecar(image.sha256, dump_image(image))
        folder.disk.rename(part, target)
        try:
            folder.disk.sync_directory(folder.path)
        except OSError:
            # The name may not survive a power cut, so it is not given.
            folder.disk.rename(target, part)
            raise
        with suppress(OSError):  # or the next start of the daemon removes it
            folder.touch(image)
            folder.remove(folder.sidecar(upload.id))
        return image

    def _forget(self) -> None:
        """Delete the upload."""
        self._folder.remove(self._folder.sidecar(self._upload.id), self._folder.part(self._upload.id))

    def _close(self) -> None:
        for descriptor in (self._part, self._sidecar):
            if descriptor >= 0:
                os.close(descriptor)
        self._part = self._sidecar = -1
