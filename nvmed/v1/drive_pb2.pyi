from google.longrunning import operations_pb2 as _operations_pb2
from nvmed.v1 import desired_pb2 as _desired_pb2
from nvmed.v1 import erasure_pb2 as _erasure_pb2
from nvmed.v1 import feature_pb2 as _feature_pb2
from nvmed.v1 import security_pb2 as _security_pb2
from nvmed.v1 import self_test_pb2 as _self_test_pb2
from google.protobuf import descriptor as _descriptor
from typing import Any as _Any, ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
