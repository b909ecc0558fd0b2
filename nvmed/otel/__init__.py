"""OpenTelemetry: what `nvmed.tracing` promises, metrics of drives and lines of the log, sent over OTLP/gRPC.

The only room that knows of OpenTelemetry, and the daemon imports it only where a collector is configured. It needs no
SDK: messages and stubs of OTLP are one small package without dependencies of its own (`opentelemetry-proto`), and what
an SDK has beside them is what the daemon must decide itself: how long a queue may be, what happens when it is full,
and how long a shutdown takes.
"""
