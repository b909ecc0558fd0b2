"""nvmed.v1.DriveService, the part about features."""

from __future__ import annotations

from typing import Any, cast

from nvmed import limits
from nvmed.devices.features import list_features, query_of, read_feature
from nvmed.devices.inventory import Inventory
from nvmed.features.changes import Features
from nvmed.operations.manager import Manager
from nvmed.operations.running import Result, Running
from nvmed.rpc.convert import features as convert
from nvmed.rpc.convert.fitted import omissions
from nvmed.rpc.convert.operations import response
from nvmed.rpc.listing import page
from nvmed.rpc.mutation import mutation
from nvmed.rpc.targets import find_target, node_nsid
from nvmed.v1 import drive_pb2_grpc
from nvmed.v1 import feature_pb2 as pb


class FeatureMethods(drive_pb2_grpc.DriveServiceServicer):
    """Reading and setting features."""

    _inventory: Inventory
    _operations: Manager
    _features: Features

    async def ListFeatures(self, request: pb.ListFeaturesRequest, context: Any) -> pb.ListFeaturesResponse:
        target = await find_target(self._inventory, request)
        found = await list_features(target.device, request.nsid or node_nsid(target))
        features = [convert.feature(one) for one in found.features]
        shown, token = page(features, request, pb.Feature, _place, size_default=limits.PAGE_SIZE_MAX)
        return pb.ListFeaturesResponse(
            controller=target.device.resource_name,
            features=shown,
            omissions=omissions(found.omissions),
            next_page_token=token,
        )

    async def GetFeature(self, request: pb.GetFeatureRequest, context: Any) -> pb.Feature:
        fid, row = convert.named(request.feature)
        selection = convert.values_of("selectors", request.selectors, row.selectors if row else ())
        target = await find_target(self._inventory, request)
        async with target.device.open() as session:
            nsid = request.nsid or node_nsid(target)
            query = await query_of(session, fid, row, nsid, selection, request.data_bytes)
            return convert.feature(await read_feature(session, query))

    async def SetFeature(self, request: pb.SetFeatureRequest, context: Any) -> pb.SetFeatureResponse:
        target = await find_target(self._inventory, request)
        asked = convert.setting(target.device, request.nsid or node_nsid(target), request)
        wanted = mutation(request, target.device.resource_name)

        async def run(running: Running) -> Result:
            return await self._features.set(running, asked)

        if request.validate_only:
            result = await self._features.check(asked)
        else:
            result = await self._operations.perform(wanted, run)
        return cast("pb.SetFeatureResponse", response(wanted.kind, result))


def _place(feature: pb.Feature) -> list[int]:
    """Where a feature stands among others: by identifier, then by what its value is of."""
    return [feature.feature_id, feature.nsid, *(selector.value for selector in feature.selectors)]
