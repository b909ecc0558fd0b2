# syntax=docker/dockerfile:1
# nvmed as an image: the daemon and nvmedctl.
#
#   docker build -t nvmed .
#
# Simulated drives, to try clients with; nothing is needed but the image:
#   docker run --rm --name nvmed nvmed --simulate 2 --socket /run/nvmed/admin.sock
#   docker exec nvmed nvmedctl controllers list
#
# This host's drives: their nodes, and the one capability that the kernel asks for. Nodes that come later need the rule
# (major of "nvme" in /proc/devices, with a /dev that shows them); `.nvme`, the keyring of TLS PSKs, is out of reach of
# a user namespace. The systemd unit confines it better: docs/secure.md compares the two.
#   docker run --rm --cap-drop ALL --cap-add SYS_ADMIN --security-opt no-new-privileges --read-only \
#     --tmpfs /run/nvmed:mode=755 --device /dev/nvme0 --device /dev/nvme0n1:/dev/nvme0n1:r --device /dev/ng0n1 \
#     -v /etc/nvmed:/etc/nvmed:ro -v nvmed-state:/var/lib/nvmed -p 50051:50051 \
#     nvmed --config /etc/nvmed/nvmed.toml

FROM docker.io/library/debian:bookworm-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY scripts/locked.py scripts/
# Everything by the hashes of requirements.lock, also what builds.
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/nvmed \
 && python3 scripts/locked.py build >/build.txt && python3 scripts/locked.py daemon >/daemon.txt \
 && /build/bin/pip install --no-cache-dir --no-deps --require-hashes -r /build.txt \
 && /build/bin/pip --python /opt/nvmed/bin/python install --no-cache-dir --no-deps --require-hashes -r /daemon.txt
COPY nvmed nvmed
COPY clients/python clients/python
COPY fleet/nvmed_fleet fleet/nvmed_fleet
COPY proto/nvmed proto/nvmed
COPY third_party/google third_party/google
COPY packaging/proto packaging/proto
COPY packaging/monitoring packaging/monitoring
RUN PATH=/build/bin:$PATH /build/bin/pip --python /build/bin/python wheel --no-deps --no-build-isolation -w /wheel . \
 && /build/bin/pip --python /opt/nvmed/bin/python install --no-cache-dir --no-deps --no-index /wheel/nvmed-*.whl

FROM docker.io/library/debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
 && groupadd --system nvmed \
 && install -d -m 0755 /run/nvmed && install -d -m 0700 /var/lib/nvmed
COPY --from=build /opt/nvmed /opt/nvmed
LABEL org.opencontainers.image.title="nvmed" \
      org.opencontainers.image.description="The management plane of a host's NVMe drives: one typed, streamed, authorised gRPC service" \
      org.opencontainers.image.source="https://github.com/nvmed/nvmed" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/nvmed/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    NVMED_ADDRESS=unix:/run/nvmed/admin.sock
VOLUME /var/lib/nvmed
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["nvmed", "health"]
ENTRYPOINT ["nvmed"]
