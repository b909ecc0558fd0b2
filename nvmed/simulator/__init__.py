"""NVMe controllers in software: in process, or over NVMe/TCP for a real kernel to connect to."""
