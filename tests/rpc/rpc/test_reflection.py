"""Reflection: the contract told to whoever has a role, in both versions of the protocol, down to each method."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2 as messages

from nvmed.rpc.reflection import SERVICES
from nvmed.security.policy import METHODS
from tests.rpc.harness import Daemon


async def told(
    channel: grpc.aio.Channel, service: str, *asked: messages.ServerReflectionRequest
) -> list[messages.ServerReflectionResponse]:
    call: grpc.aio.StreamStreamMultiCallable[messages.ServerReflectionRequest, messages.ServerReflectionResponse] = (
        channel.stream_stream(
            f"/{service}/ServerReflectionInfo",
            request_serializer=messages.ServerReflectionRequest.SerializeToString,
            response_deserializer=messages.ServerReflectionResponse.FromString,
        )
    )
    return [answer async for answer in call(iter(asked))]


def symbol(name: str) -> messages.ServerReflectionRequest:
    return messages.ServerReflectionRequest(file_containing_symbol=name)


@pytest.mark.parametrize("service", SERVICES)
async def test_each_method_is_found_and_its_files_are_whole(daemon: Daemon, service: str) -> None:
    names = [method[1:].replace("/", ".") for method in METHODS]
    answers = await told(daemon.channel, service, *map(symbol, names))
    pools: dict[str, DescriptorPool] = {}
    for name, answer in zip(names, answers, strict=True):
        assert answer.original_request.file_containing_symbol == name
        parent, _, method = name.rpartition(".")
        if parent not in pools:
            pools[parent] = pool_of(answer.file_descriptor_response)
        assert method in pools[parent].FindServiceByName(parent).methods_by_name


def pool_of(told: messages.FileDescriptorResponse) -> DescriptorPool:
    """A pool of what was told, which takes a file once it has all that this imports."""
    pool = DescriptorPool()
    waiting = {file.name: file for file in map(FileDescriptorProto.FromString, told.file_descriptor_proto)}
    while waiting:
        ready = [file for file in waiting.values() if not set(file.dependency) & set(waiting)]
        assert ready, f"{sorted(waiting)} import each other"
        for file in ready:
            pool.AddSerializedFile(waiting.pop(file.name).SerializeToString())
    return pool


async def test_what_else_may_be_asked(daemon: Daemon) -> None:
    extended = messages.ExtensionRequest(containing_type="google.protobuf.FieldOptions", extension_number=1052)
    services, value, field, by_name, extension, numbers = await told(
        daemon.channel,
        SERVICES[1],
        messages.ServerReflectionRequest(host="here", list_services=""),
        symbol("nvmed.v1.Gate.GATE_IN_USE"),
        symbol("nvmed.v1.Image.name"),
        messages.ServerReflectionRequest(file_by_filename="nvmed/v1/errors.proto"),
        messages.ServerReflectionRequest(file_containing_extension=extended),
        messages.ServerReflectionRequest(all_extension_numbers_of_type="google.protobuf.FieldOptions"),
    )
    assert services.valid_host == "here"
    listed = {service.name for service in services.list_services_response.service}
    assert listed == {method[1:].partition("/")[0] for method in METHODS}
    for answer in (value, field, by_name, extension):
        assert answer.file_descriptor_response.file_descriptor_proto
    assert {1052, 1055} <= set(numbers.all_extension_numbers_response.extension_number)


async def test_what_there_is_not_is_told_in_the_answer(daemon: Daemon) -> None:
    answers = await told(
        daemon.channel,
        SERVICES[0],
        messages.ServerReflectionRequest(),
        *map(
            symbol, ("", "x", "nvmed.v1.Nope", "nvmed.v1.AdminService.Nope", "nvmed.v1.Gate.NOPE", "nvmed.v1.Image.x")
        ),
        messages.ServerReflectionRequest(file_by_filename="nope.proto"),
        messages.ServerReflectionRequest(all_extension_numbers_of_type="nope"),
    )
    nothing, *unknown = (answer.error_response for answer in answers)
    assert nothing.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert {error.error_code for error in unknown} == {grpc.StatusCode.NOT_FOUND.value[0]}
