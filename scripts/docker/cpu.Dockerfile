# electra for CPUs: one static program in an empty image.
#
#   docker build -f scripts/docker/cpu.Dockerfile -t electra .
#   docker run --rm -v "$PWD/runs/names/best:/model:ro" -i electra predict --model /model < letter.txt
FROM debian:bookworm-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PATH=/root/.cargo/bin:$PATH
RUN curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none
WORKDIR /source
COPY . .
# The toolchain that rust-toolchain.toml names.
RUN rustup toolchain install \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target x86_64-unknown-linux-gnu

FROM scratch
COPY --from=build /source/target/x86_64-unknown-linux-gnu/release/electra /electra
# Nobody in particular: it reads the model and writes to standard output.
USER 65534:65534
ENTRYPOINT ["/electra"]
