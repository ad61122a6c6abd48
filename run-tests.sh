#!/bin/sh
# Runs the tests: sh run-tests.sh [pytest arguments]
#
# Makes .venv from the pinned, hashed requirements where it is missing or out of date; afterwards `pytest` alone does
# the same in the activated environment (. .venv/bin/activate). With --all-servers tests/servers takes the large servers, too.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
# shellcheck source=scripts/venv.sh
. "$root/scripts/venv.sh"

ensure_venv dev
cd "$root"
# Container images like to set it. The tests start hundreds of processes, and each would compile every module again.
unset PYTHONDONTWRITEBYTECODE
exec "$venv/bin/python" -m pytest "$@"
