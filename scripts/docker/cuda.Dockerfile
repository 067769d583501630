# electra for NVIDIA GPUs. Untested: no GPU was at hand when it was written.
#
#   docker build -f scripts/docker/cuda.Dockerfile -t electra-cuda .
#   docker run --rm --gpus all -v "$PWD:/work" -w /work electra-cuda \
#     pretrain configs/pretrain/small.toml --device cuda --run runs/small
#
# The toolkit stays in the image: kernels are compiled when they are first used, by NVRTC, which reads its headers.
FROM nvidia/cuda:12.8.1-devel-ubuntu24.04 AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PATH=/root/.cargo/bin:$PATH
RUN curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none
WORKDIR /source
COPY . .
RUN rustup toolchain install && cargo build --release --locked --features cuda

FROM nvidia/cuda:12.8.1-devel-ubuntu24.04
COPY --from=build /source/target/release/electra /usr/local/bin/electra
ENTRYPOINT ["electra"]
