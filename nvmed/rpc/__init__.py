"""The contract served: protobuf and gRPC stop here."""
