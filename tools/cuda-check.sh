#!/usr/bin/env bash
# usage: tools/cuda-check.sh [CARGO ARGUMENTS…]
# Type-checks the program with the feature `cuda` on a machine without a card and without CUDA:
# candle's kernels are compiled by nvcc, which comes from PyPI's wheels. Without arguments it runs
# `cargo check`; `tools/cuda-check.sh clippy -- -D warnings` works, too.
# Needs Rust, a C++ compiler and Python with pip.
set -euo pipefail
cd "$(dirname "$0")/.."

# The compiler and its companions are of one release, or nvcc refuses the headers.
release='13.0.*'
toolkit=$PWD/target/cuda-toolkit
cuda=$toolkit/nvidia/cu13
if [ ! -x "$cuda/bin/nvcc" ]; then
    PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --no-deps \
        --target "$toolkit" "nvidia-cuda-nvcc==$release" "nvidia-cuda-crt==$release" \
        "nvidia-nvvm==$release" "nvidia-cuda-runtime==$release" "nvidia-cuda-cccl==$release"
fi

# Kernels for the H100; others are compiled from the same sources on a machine that has them.
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-90}
export CUDA_HOME=$cuda CUDA_PATH=$cuda CUDA_ROOT=$cuda NVCC=$cuda/bin/nvcc PATH=$cuda/bin:$PATH
# A folder of its own: its kernels would otherwise be thrown away with each change of features.
export CARGO_TARGET_DIR=$PWD/target/cuda
if [ $# -eq 0 ]; then
    set -- check
fi
command=$1
shift
began=$SECONDS
cargo "$command" --locked --no-default-features --features cuda "$@"
echo "checked with the feature cuda in $((SECONDS - began)) s"
