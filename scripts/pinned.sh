# shellcheck shell=sh
# Sourced by the scripts that build and release: an environment for one purpose, thrown away afterwards.

# pinned_environment PYTHON FOLDER REQUIREMENTS. To unpack a pip takes longer than to use it, so PYTHON's own serves
# where it has one.
pinned_environment() {
  if "$1" -m pip --version >/dev/null 2>&1; then
    "$1" -m venv --without-pip "$2" && set -- "$3" "$1" -m pip --python "$2/bin/python"
  else
    "$1" -m venv "$2" && set -- "$3" "$2/bin/python" -m pip
  fi || return
  requirements=$1
  shift
  "$@" install --quiet --disable-pip-version-check --no-input --no-compile --require-hashes -r "$requirements"
}
