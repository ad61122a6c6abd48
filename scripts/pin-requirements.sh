#!/bin/sh
# Writes requirements.txt, -dev.txt and those of extras, of builds and of releases anew from pyproject.toml:
# sh scripts/pin-requirements.sh [--upgrade]
#
# Needs uv (pip install uv), for it pins for every platform and Python at once; pip-compile pins for the one it runs on,
# and what it wrote under Python 3.11 would lack or break packages under 3.14. No index address is written into the files.
set -eu

cd "$(dirname -- "$0")/.."

pin() {
  uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --custom-compile-command 'sh scripts/pin-requirements.sh' --quiet pyproject.toml "$@"
}

pin --output-file requirements.txt "$@" >/dev/null
# The run-time pins bind the others: both files name the same version of everything that they share.
pin --extra dev --constraints requirements.txt --output-file requirements-dev.txt "$@" >/dev/null
# What an export to Parquet needs besides, and what a fleet does, each by itself: no crawl does.
for extra in parquet fleet; do
  sed -n "/^$extra = \[\$/,/^\]\$/s/^ *\"\(.*\)\".*\$/\1/p" pyproject.toml |
    uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
      --custom-compile-command 'sh scripts/pin-requirements.sh' --quiet --constraints requirements-dev.txt \
      --output-file "requirements-$extra.txt" "$@" - >/dev/null
done
# What builds the wheels, by itself: it is no part of what runs.
sed -n 's/^requires = \["\(setuptools.*\)"\]$/\1/p' pyproject.toml |
  uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --custom-compile-command 'sh scripts/pin-requirements.sh' --quiet --output-file requirements-build.txt "$@" - >/dev/null
# What looks at a release before it is uploaded, and uploads it. Markdown is what the README is in.
printf 'twine>=6\nreadme-renderer[md]>=44\n' |
  uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --custom-compile-command 'sh scripts/pin-requirements.sh' --quiet --output-file requirements-release.txt "$@" - >/dev/null
