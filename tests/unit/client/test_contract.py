"""nvmedctl describe and what nvmedctl api makes of JSON: by the contract that is installed, without a daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as st
from nvmedctl.cli import calling, contract, describe, nvmedctl

from nvmed.errors import NvmedError
from nvmed.security.policy import METHODS, ROLES
from nvmed.v1 import firmware_pb2, key_pb2

SECRET = "NVMeTLSkey-1:01:c2VjcmV0"


def own() -> Iterator[contract.Descriptor]:
    """Everything of nvmed's own contract."""
    return (thing for thing in contract._everything() if contract.full_name(thing).startswith("nvmed."))


def test_everything_of_the_contract_is_explained() -> None:
    found = [*own()]
    assert len(found) > 1000
    assert [contract.full_name(thing) for thing in found if not contract.comment(thing)] == []


def test_a_method_says_who_may_call_it() -> None:
    for method in contract.methods():
        rule = METHODS[f"/{contract.call_name(method)}"]
        said = describe.facts_of(method)
        assert (said["permission"], said["resource_field"]) == (rule.permission, rule.resource_field)
        assert said["roles"] == [role for role, permissions in ROLES.items() if rule.permission in permissions]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("ListImages", "nvmed.v1.FirmwareService.ListImages"),
        ("firmwareservice/listimages", "nvmed.v1.FirmwareService.ListImages"),
        ("/nvmed.v1.FirmwareService/ListImages", "nvmed.v1.FirmwareService.ListImages"),
        ("StageFirmwareRequest.image", "nvmed.v1.StageFirmwareRequest.image"),
        ("Controller.State", "nvmed.v1.Controller.State"),
        ("Controller.state", "nvmed.v1.Controller.state"),
        ("GATE_IN_USE", "nvmed.v1.Gate.GATE_IN_USE"),
        ("SmartLog", "nvmed.v1.SmartLog"),
        ("Operation", "google.longrunning.Operation"),
    ],
)
def test_the_end_of_a_name_will_do(given: str, meant: str) -> None:
    assert contract.full_name(contract.find(given)) == meant


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ListImage", "Did you mean nvmed.v1.FirmwareService.ListImages"),
        ("page_size", "is no name of the contract"),
        ("State", "is several: "),
        ("", "is no name"),
    ],
)
def test_what_is_none_is_told_what_there_is(given: str, said: str) -> None:
    with pytest.raises(click.UsageError, match=said):
        contract.find(given)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((), ("FirmwareService", "ListImages")),
        (("StageFirmware",), ("firmware.stage over what controllers names", "roles that have it: firmware, admin")),
        (("StreamTelemetry",), ("answer: a stream of nvmed.v1.StreamTelemetryResponse",)),
        (("ReadKey",), ("roles that have it: none that ships",)),
        (("SmartLog.temperature_celsius",), ("unit: degrees Celsius", "type: int32")),
        (("UploadImageRequest.chunk",), ("one of: part",)),
        (("UploadHeader",), ("map<string, string>",)),
        (("ConfiguredPsk.key",), ("behavior: input only",)),
    ],
)
def test_what_people_are_told(arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    result = CliRunner().invoke(nvmedctl, ["describe", *arguments])
    assert result.exit_code == 0
    for part in parts:
        assert part in result.output


def test_programs_are_told_the_same() -> None:
    found = json.loads(CliRunner().invoke(nvmedctl, ["describe", "ListUploads", "-o", "json"]).output)
    assert (found["kind"], found["request"], found["server_streaming"]) == (
        "method",
        "nvmed.v1.ListUploadsRequest",
        False,
    )
    assert found["roles"][0] == "viewer"


def test_a_shell_completes_names() -> None:
    parameter = click.Argument(["name"])
    context = click.Context(click.Command("x"))
    assert contract.complete_method(context, parameter, "listcon") == ["ListControllers"]
    assert "SmartLog" in contract.complete(context, parameter, "Smart")
    assert contract.complete(context, parameter, "SmartLog.temperature_c") == ["SmartLog.temperature_celsius"]


def test_methods_are_listed_without_a_daemon() -> None:
    result = CliRunner().invoke(nvmedctl, ["api", "--list", "-o", "json", "--address", "unix:/nowhere"])
    assert len(json.loads(result.output)["methods"]) == len(contract.methods()) > 60


# -- JSON to messages


@pytest.mark.parametrize(
    ("kind", "text", "wrong"),
    [
        (firmware_pb2.StageFirmwareRequest, "{", "is no JSON at character 2"),
        (firmware_pb2.StageFirmwareRequest, "[" * 100_000, "is no JSON"),
        (firmware_pb2.StageFirmwareRequest, "[]", "it must be an object, with fields of nvmed.v1.StageFirmwareRequest"),
        (firmware_pb2.StageFirmwareRequest, '{"imag": ""}', "has no field imag; it has controllers, image"),
        (
            firmware_pb2.StageFirmwareRequest,
            '{"preconditions": {"a": 1}}',
            "preconditions has no field a; it has",
        ),
        (firmware_pb2.StageFirmwareRequest, '{"override_gates": ["IN_USE"]}', "must be one of GATE_UNSPECIFIED, "),
        (firmware_pb2.StageFirmwareRequest, '{"controllers": [1]}', "controllers must be of type repeated string"),
        (firmware_pb2.UploadImageRequest, '{"chunk": {}, "finish": {}}', "only one may be given"),
        (firmware_pb2.UploadImageRequest, '{"header": {"sha256": 7}}', "header.sha256 must be of type bytes in base64"),
        (key_pb2.ImportTlsKeyRequest, '{"key": {"data": ""}}', "key has no field data; it has identity, text"),
    ],
)
def test_wrong_json_is_told_where(kind: type, text: str, wrong: str) -> None:
    with pytest.raises(NvmedError, match=r"^--data: ") as raised:
        calling.parsed(text, kind.DESCRIPTOR, "--data")  # type: ignore[attr-defined]
    assert raised.value.reason == "INVALID_FIELD"
    assert wrong in raised.value.message


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(SECRET),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["key", "key_file", "text", "identity", "ttl_s", "keyring", SECRET]), inner)
    ),
    max_leaves=8,
)


@given(anything)
def test_no_json_breaks_it_and_no_secret_is_told(plain: object) -> None:
    said = ""
    try:
        calling.parsed(json.dumps(plain), key_pb2.ImportTlsKeyRequest.DESCRIPTOR, "--data")
    except NvmedError as failure:
        said = str(failure)
    assert "c2VjcmV0" not in said


@given(st.builds(firmware_pb2.UploadHeader, sha256=st.binary(), size_bytes=st.integers(0, 2**64 - 1),
                 labels=st.dictionaries(st.text(), st.text())))  # fmt: skip
def test_a_message_is_what_its_json_says(header: firmware_pb2.UploadHeader) -> None:
    message = firmware_pb2.UploadImageRequest(header=header)
    assert calling.parsed(MessageToJson(message), message.DESCRIPTOR, "--data") == message


def test_secrets_are_found_wherever_they_are() -> None:
    message = calling.parsed(
        json.dumps({"psk": {"text": SECRET}, "ttl_s": 5}), key_pb2.InsertTlsKeyRequest.DESCRIPTOR, "--data"
    )
    assert [*calling.secrets(message)] == ["psk.text"]


def test_a_secret_on_a_command_line_is_refused() -> None:
    result = CliRunner().invoke(nvmedctl, ["api", "InsertTlsKey", "--data", json.dumps({"psk": {"text": SECRET}})])
    assert result.exit_code == 2
    assert "psk.text is secret" in result.stderr
    assert SECRET not in result.stderr
