"""The content-addressed folder of large files, and the pointers that stand for them in git."""

import hashlib
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from lemonpress.hub.local.errors import HubError, bad_request

MAX_POINTER_SIZE = 200
_SUFFIXES = """
7z arrow avro bin bz2 ckpt flac ftz gguf gif gz h5 ico jpeg jpg joblib lz4 mlmodel model mp3 mp4 msgpack npy npz ogg
onnx ot parquet pb pdf pickle pkl png pt pth rar safetensors spm sqlite tar tflite tgz ttf wasm wav webm webp woff
woff2 xz zip zst
"""
SUFFIXES = frozenset(_SUFFIXES.split())
_WRITE_SIZE = 1 << 20
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize ([0-9]{1,15})\n\Z"
)
_OID = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Pointer:
    """A large file: the SHA-256 of its bytes in hexadecimal, and their number."""

    oid: str
    size: int

    def text(self) -> bytes:
        """The pointer file as git keeps it."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.oid}\nsize {self.size}\n".encode()


def parse_pointer(blob: bytes) -> Pointer | None:
    """Read a pointer file, or None if the bytes are no pointer."""
    match = _POINTER.match(blob)
    return Pointer(match[1].decode(), int(match[2])) if match else None


def object_path(root: Path, oid: str) -> Path:
    """Where the object of this SHA-256 lies under the Hub's folder.

    Raises:
        HubError: 400 if ``oid`` is no SHA-256 in lower-case hexadecimal.
    """
    if not _OID.match(oid):
        raise bad_request(f"Invalid LFS object id {oid!r}: a SHA-256 in lower-case hexadecimal is needed")
    return root / "lfs" / oid[:2] / oid[2:4] / oid


def object_size(root: Path, oid: str) -> int | None:
    """Size of a stored object in bytes, or None if it was not uploaded."""
    try:
        return object_path(root, oid).stat().st_size
    except FileNotFoundError:
        return None


async def receive(root: Path, pointer: Pointer, chunks: AsyncIterator[bytes]) -> None:
    """Stream an upload to disk and keep it if its size and hash are the announced ones.

    Args:
        root: the Hub's folder.
        pointer: announced hash and size.
        chunks: body of the request, piece by piece; at most one piece and one write buffer are in memory.

    Raises:
        HubError: 400 if the bytes are not the announced ones; nothing is kept then.
    """
    target = object_path(root, pointer.oid)
    partial = root / "tmp" / f"upload-{uuid.uuid4().hex}"
    digest = hashlib.sha256()
    size = 0
    try:
        with partial.open("wb", buffering=_WRITE_SIZE) as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > pointer.size:
                    raise bad_request(f"LFS object {pointer.oid} is larger than the announced {pointer.size} bytes")
                digest.update(chunk)
                await run_in_threadpool(file.write, chunk)
        if size != pointer.size:
            raise bad_request(f"LFS object {pointer.oid} has {size} bytes, {pointer.size} were announced")
        if digest.hexdigest() != pointer.oid:
            raise bad_request(f"LFS object {pointer.oid} arrived with SHA-256 {digest.hexdigest()}: upload it again")
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def require_object(root: Path, oid: str, size: int | None) -> Pointer:
    """Pointer to an object that was uploaded before.

    Args:
        root: the Hub's folder.
        oid: SHA-256 of the object.
        size: announced size in bytes; None when a copy does not repeat it.

    Raises:
        HubError: 400 if the object is missing or has another size.
    """
    stored = object_size(root, oid)
    if stored is None:
        raise HubError(400, f"LFS object {oid} was not uploaded before the commit: upload it again")
    if size is not None and size != stored:
        raise HubError(400, f"LFS object {oid} has {stored} bytes, the commit says {size}")
    return Pointer(oid, stored)
