"""Server reflection, v1 and v1alpha: the contract told to tools that have no files of it (grpcurl, ghz, Postman).

The two versions have the same messages under two package names. The library that ships the older one knows neither the
newer, nor symbols within a service or an enum, which is what tools ask for when they are told to describe a method.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2 as messages

ALPHA: Final = messages.DESCRIPTOR.package
STABLE: Final = "grpc.reflection.v1"
_SERVICE: Final = messages.DESCRIPTOR.services_by_name["ServerReflection"].name
SERVICES: Final = tuple(f"{package}.{_SERVICE}" for package in (ALPHA, STABLE))

_POOL: Final = descriptor_pool.Default()


def _stable_file() -> bytes:
    """The descriptors of v1, from those of v1alpha, so that the service can describe itself."""
    file = FileDescriptorProto()
    messages.DESCRIPTOR.CopyToProto(file)
    file.package, file.name = STABLE, "grpc/reflection/v1/reflection.proto"
    file.service[0].method[0].input_type = f".{STABLE}.ServerReflectionRequest"
    file.service[0].method[0].output_type = f".{STABLE}.ServerReflectionResponse"
    for field in (field for message in file.message_type for field in message.field if field.type_name):
        field.type_name = field.type_name.replace(f".{ALPHA}.", f".{STABLE}.")
    return file.SerializeToString()


_POOL.AddSerializedFile(_stable_file())


@cache
def _serialized(name: str) -> bytes:
    file = FileDescriptorProto()
    _POOL.FindFileByName(name).CopyToProto(file)
    return file.SerializeToString()


def _with_imports(file: Any) -> messages.ServerReflectionResponse:
    """A file and all that it imports, in whatever order: tools put them in theirs."""
    names: dict[str, None] = {}
    waiting = [file]
    while waiting:
        one = waiting.pop()
        if one.name not in names:
            names[one.name] = None
            waiting += one.dependencies
    told = messages.FileDescriptorResponse(file_descriptor_proto=map(_serialized, names))
    return messages.ServerReflectionResponse(file_descriptor_response=told)


def _file_of(symbol: str) -> Any:
    """The file that declares `symbol`, also a method or a value of an enum; raises KeyError."""
    try:
        return _POOL.FindFileContainingSymbol(symbol)
    except KeyError:
        parent, _, name = symbol.rpartition(".")
        file = _POOL.FindFileContainingSymbol(parent)
        if name in _members(file, parent):
            return file
        raise


def _members(file: Any, parent: str) -> Sequence[str]:
    """The methods of a service, or the values of an enum."""
    local = parent.removeprefix(f"{file.package}.")
    if local in file.services_by_name:
        return [method.name for method in file.services_by_name[local].methods]
    return [value.name for value in _POOL.FindEnumTypeByName(parent).values]


def _extension(asked: messages.ServerReflectionRequest) -> messages.ServerReflectionResponse:
    wanted = asked.file_containing_extension
    kind = _POOL.FindMessageTypeByName(wanted.containing_type)
    extension: Any = _POOL.FindExtensionByNumber(kind, wanted.extension_number)
    return _with_imports(extension.file)


def _extensions(asked: messages.ServerReflectionRequest) -> messages.ServerReflectionResponse:
    kind = _POOL.FindMessageTypeByName(asked.all_extension_numbers_of_type)
    numbers = sorted(extension.number for extension in _POOL.FindAllExtensions(kind))
    told = messages.ExtensionNumberResponse(base_type_name=kind.full_name, extension_number=numbers)
    return messages.ServerReflectionResponse(all_extension_numbers_response=told)


Answer = Callable[[messages.ServerReflectionRequest], messages.ServerReflectionResponse]

_ANSWERS: Final[Mapping[str, Answer]] = {
    "file_by_filename": lambda asked: _with_imports(_POOL.FindFileByName(asked.file_by_filename)),
    "file_containing_symbol": lambda asked: _with_imports(_file_of(asked.file_containing_symbol)),
    "file_containing_extension": _extension,
    "all_extension_numbers_of_type": _extensions,
}


def _failed(code: grpc.StatusCode, sentence: str) -> messages.ServerReflectionResponse:
    return messages.ServerReflectionResponse(
        error_response=messages.ErrorResponse(error_code=code.value[0], error_message=sentence)
    )


def answer(asked: messages.ServerReflectionRequest, services: Sequence[str]) -> messages.ServerReflectionResponse:
    """What reflection says to one request; what cannot be found is told in the answer, as the protocol wants it."""
    kind = asked.WhichOneof("message_request")
    if kind == "list_services":
        listed = [messages.ServiceResponse(name=name) for name in sorted(services)]
        told = messages.ServerReflectionResponse(list_services_response=messages.ListServiceResponse(service=listed))
    elif kind is None:
        told = _failed(grpc.StatusCode.INVALID_ARGUMENT, "the request asks for nothing")
    else:
        try:
            told = _ANSWERS[kind](asked)
        except KeyError:
            told = _failed(grpc.StatusCode.NOT_FOUND, "there is nothing of that name here")
    told.valid_host = asked.host
    told.original_request.CopyFrom(asked)
    return told


def add_reflection_to_server(services: Sequence[str], server: Any) -> None:
    """Serve both versions, which tell of `services` and of themselves."""
    listed = (*services, *SERVICES)

    async def info(
        requests: AsyncIterator[messages.ServerReflectionRequest], context: object
    ) -> AsyncIterator[messages.ServerReflectionResponse]:
        async for asked in requests:
            yield answer(asked, listed)

    handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
        info,
        request_deserializer=messages.ServerReflectionRequest.FromString,
        response_serializer=messages.ServerReflectionResponse.SerializeToString,
    )
    for name in SERVICES:
        server.add_registered_method_handlers(name, {"ServerReflectionInfo": handler})
