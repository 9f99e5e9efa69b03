#!/bin/sh
# Installs the Debian packages that building, running and testing need, if any is missing.
#
# usage: install_dependencies.sh [programs]
# With "programs" whoever cannot install anything may lack what is for the tests alone.
set -eu

programs="g++ cmake ninja-build make python3 libssl-dev libtbb-dev libeigen3-dev zlib1g-dev
pkg-config libjpeg62-turbo-dev libpng-dev libwebp-dev libstb-dev libutf8proc-dev
nlohmann-json3-dev libcli11-dev libdnnl-dev dataset-fashion-mnist"
packages="$programs python3-numpy libgtest-dev libbenchmark-dev valgrind clang-format
python3-dev python3-sklearn pybind11-dev python3-pil python3-matplotlib python3-nbclient python3-ipykernel python3-tqdm
python3-sphinx python3-myst-parser doxygen clang clang-tidy llvm libclang-rt-dev libomp-dev"

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "install_dependencies: not a Debian system; install the counterparts of:" $packages >&2
  exit 0
fi

missing_of() {
  for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || printf ' %s' "$package"
  done
}
missing=$(missing_of $packages)
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=""
elif command -v sudo >/dev/null 2>&1; then
  as_root="sudo"
else
  [ "${1:-}" != programs ] || missing=$(missing_of $programs)
  if [ -z "$missing" ]; then
    echo "install_dependencies: packages of the tests are missing, and only root can install them; going on without" >&2
    exit 0
  fi
  echo "install_dependencies: these packages are missing, and only root can install them:" >&2
  echo "  apt-get install --no-install-recommends$missing" >&2
  exit 1
fi

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q ||
  echo "install_dependencies: apt-get could not update its lists; trying with those that are here" >&2
$as_root apt-get install -q -y --no-install-recommends $missing || {
  echo "install_dependencies: apt-get could not install:$missing" >&2
  exit 1
}
