# conduit-node in a container:
#
#     docker build -t conduit .
#     docker run -p 8080:8080 -e CONDUIT_API_KEY=KEY -v "$HOME/.cache/conduit:/var/lib/conduit/.cache/conduit" conduit \
#       --model smollm2=/var/lib/conduit/.cache/conduit/models/FILE.gguf
#
# It is reachable from outside its container, so it wants a key. tests/install/dockerfile.sh runs the steps below without an engine.

FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
      ca-certificates g++ cmake ninja-build pkg-config mold dpkg-dev file \
      libcaf-dev libzmq3-dev cppzmq-dev libflatbuffers-dev flatbuffers-compiler flatbuffers-compiler-dev \
      libcurl4-openssl-dev libssl-dev libsimdjson-dev libpcre2-dev libboost1.81-dev libcli11-dev libtomlplusplus-dev \
      libspdlog-dev libfmt-dev prometheus-cpp-dev
COPY . /src
WORKDIR /src
RUN cmake --preset release -DCONDUIT_TESTS=OFF -DCONDUIT_BENCH=OFF && cmake --build --preset release && cpack --config build/CPackConfig.cmake -B /package

FROM debian:12-slim
COPY --from=build /package/*.deb /tmp/
RUN apt-get update && apt-get install -y --no-install-recommends /tmp/*.deb ca-certificates curl && \
    rm -rf /tmp/*.deb /var/lib/apt/lists/*
RUN useradd --system --create-home --home-dir /var/lib/conduit conduit
USER conduit
EXPOSE 8080
# Healthy: every model is ready and makes progress; one that is large takes its time to load.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m CMD curl --fail --silent --show-error http://127.0.0.1:8080/health
# SIGTERM (docker stop) drains: give it --time beyond drain_timeout_ms.
ENTRYPOINT ["conduit-node", "--http", "0.0.0.0:8080"]
