#!/bin/sh
# Builds what is released: sh scripts/build-wheels.sh [FOLDER]
#
#   …-cp311-abi3-PLATFORM.whl  with the compiled module, for every Python from 3.11 on of this machine's platform
#   …-py3-none-any.whl         without it, for every platform
#   ….tar.gz                   the sources
#
# They are built of the tracked files alone, as they are in the checkout, in a folder of their own: nothing that lies
# around slips in. FOLDER is dist/, where it is not given. Needs git, a C compiler and Python's headers.
#
#   PYTHON    the interpreter to build with (python3)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
python=${PYTHON:-python3}
# shellcheck source=scripts/pinned.sh
. "$root/scripts/pinned.sh"
mkdir -p "${1:-$root/dist}"
into=$(CDPATH='' cd -- "${1:-$root/dist}" && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

cd "$root"
# Equal sources give equal archives.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
mkdir "$work/tree" "$work/made"
git ls-files -z >"$work/files"
tar --null -T "$work/files" -cf "$work/tree.tar"
tar -C "$work/tree" -xf "$work/tree.tar"

pinned_environment "$python" "$work/env" requirements-build.txt
build() {
  (cd "$work/tree" && "$work/env/bin/python" -c "import sys
from setuptools import build_meta
build_meta.build_$1(sys.argv[1])" "$work/made") >"$work/log" 2>&1 || {
    tail -n 30 "$work/log" >&2
    exit 1
  }
}
build wheel
DATASYNC_WHEEL=pure build wheel
build sdist
"$python" scripts/check_wheels.py "$work/made" "$work/files"
mv "$work/made"/* "$into/"
