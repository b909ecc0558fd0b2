"""The policy's table is pinned, and no field of a request that names something is left unauthorised by oversight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from google.longrunning import operations_pb2 as longrunning
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor

from nvmed.rpc import services
from nvmed.security.policy import METHODS, Rule

PINNED: Final = Path(__file__).with_name("policy_table.txt")

VALUES: Final = {
    **dict.fromkeys(
        ("page_size", "page_token", "filter", "order_by"), "which part of a list; a token is bound to its filter"
    ),
    **dict.fromkeys(("seconds", "nanos"), "a time"),
    "request_id": "the caller's name for the call itself; the journal looks it up among the caller's own",
    **dict.fromkeys(
        ("permission", "method", "resource", "principals"),
        "TestPermission tells what the policy says; about others it needs server.policy as well",
    ),
    **dict.fromkeys(
        ("size_bytes", "firmware_revision", "model_number", "key", "value", "slot", "slot_revision"),
        "what firmware is or where in its drive it goes; a drive without it refuses",
    ),
    "url": "where an image is; the host's configuration says from where one may be fetched",
    **dict.fromkeys(("offset", "crc32", "data", "offset_bytes", "transfer_bytes"), "bytes, and where they belong"),
    **dict.fromkeys(
        ("chunk_bytes", "window", "max_transfer_bytes", "max_concurrency", "length_bytes", "entries_max", "events_max"),
        "how much, or how fast",
    ),
    **dict.fromkeys(("wait_timeout_ms", "timeout_ms", "part_timeout_ms", "heartbeat_interval_ms", "ttl_s"), "how long"),
    **dict.fromkeys(("passes", "pattern", "samples_max", "stall_timeout_seconds"), "how to erase, and how to watch it"),
    "resume_token": "where a stream goes on; it is bound to its controller and log, or is a number of an event",
    "generation_number": "which telemetry is meant; the controller's own",
    "identify_controller": "bytes that the caller has; no drive is asked",
    **dict.fromkeys(
        ("log_page", "log_specific_parameter", "log_specific_identifier", "uuid_index", "command_set"),
        "which log of the controller",
    ),
    "nsid": "a namespace is reached through its controller, which is authorised, and which the drive holds to what is "
    "attached to it; what takes a namespace away from other controllers is authorised for those (Also.NAMESPACE)",
    **dict.fromkeys(
        ("size_blocks", "capacity_blocks", "lba_format", "logical_block_bytes", "protection_type"),
        "what a new or formatted namespace is like",
    ),
    **dict.fromkeys(
        ("ana_group_id", "nvm_set_id", "endurance_group_id"), "where in the controller's own drive a namespace goes"
    ),
    **dict.fromkeys(
        ("opcode", "cdw2", "cdw3", "cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15", "read_bytes"),
        "a command, whose reach is for the rules of passthrough to bound: by opcode, dwords, namespaces and caller",
    ),
    **dict.fromkeys(("metadata", "read_metadata_bytes"), "a command's metadata"),
    **dict.fromkeys(
        ("feature", "revision", "capacity_percent", "value", "raw_value", "raw_data", "expected_raw", "data_bytes"),
        "which feature of the controller, and what it is or is to be",
    ),
    **dict.fromkeys(
        ("name", "serial", "key_type", "description", "identity"),
        "keys and keyrings are the host's",
    ),
    **dict.fromkeys(
        ("payload", "text", "key_file", "secret", "identity_version", "host_secret", "controller_secret", "psid"),
        "key material, and what it is derived with",
    ),
    **dict.fromkeys(
        ("host_nqn", "subsystem_nqn", "nqn"),
        "names that go into a key's text; no connection is looked up (but for Also.CONNECTIONS)",
    ),
    **dict.fromkeys(
        (
            "timer_threshold_minutes",
            "threshold_a_ms",
            "threshold_b_ms",
            "threshold_c_ms",
            "threshold_d_ms",
            "latency_mode_bits",
            "minimum_window_ms",
            "debug_trigger_bits",
        ),
        "what a latency monitor counts",
    ),
    **dict.fromkeys(
        ("endurance_group_id", "nvm_set_id", "domain_id", "partition_id"),
        "parts of the drive that is authorised",
    ),
    **dict.fromkeys(("write_queues", "poll_queues", "type_of_service"), "how a connection is made that is authorised"),
}
"""Fields, by their last name, that name no resource of their own, and why; also for the numbers among them."""

_NAMES_NOTHING: Final = (FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_ENUM)


def leaves(message: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Path and descriptor of each field of a message that has a value of its own."""
    for field in message.fields:
        path = prefix + field.name
        if field.message_type is None:
            yield path, field
        else:
            yield from leaves(field.message_type, f"{path}.")


def request_of(method: str) -> Any:
    service, _, name = method.removeprefix("/").rpartition("/")
    return descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name).input_type


def ours() -> dict[str, Rule]:
    """Every method but those of libraries: what health, reflection and channelz are asked about is the daemon."""
    assert services.SERVICES
    assert longrunning.DESCRIPTOR.name  # both have put descriptors into the pool
    return {method: rule for method, rule in METHODS.items() if not method.startswith("/grpc.")}


def test_every_field_that_may_name_a_resource_is_authorised_or_says_why_not() -> None:
    unknown = []
    used = set()
    for method, rule in ours().items():
        authorised = {rule.resource_field, *(field for also in rule.also for field in also.value)}
        for path, field in leaves(request_of(method)):
            last = path.rpartition(".")[2]
            if path in authorised or field.type in _NAMES_NOTHING:
                continue
            if last in VALUES and not (last == "name" and path == "name" and "Keyring" not in method):
                used.add(last)
            else:
                unknown.append(f"{method} {path}")
    assert unknown == ["/google.longrunning.Operations/ListOperations name"]  # refused unless it is the collection
    assert set(VALUES) - used == set()


def test_what_a_rule_says_is_touched_is_a_field_of_its_request() -> None:
    for method, rule in ours().items():
        paths = [path for path, _ in leaves(request_of(method))]
        for also in rule.also:
            missing = [field for field in also.value if field not in paths]
            assert missing in ([], ["all_namespaces"]), (method, also)


def pinned(method: str, rule: Rule) -> str:
    """A line of the pinned table: method, permission, over what, also over what, audited when."""
    also = ",".join(one.name for one in rule.also) or "-"
    return f"{method} {rule.permission} {rule.resource_field or 'host'} {also} {rule.audit.name}"


def test_the_table_is_what_it_was() -> None:
    """What a method needs, over what, and whether it is audited changes only where the pinned table changes too."""
    now = sorted(pinned(method, rule) for method, rule in METHODS.items())
    assert now == PINNED.read_text().splitlines()
