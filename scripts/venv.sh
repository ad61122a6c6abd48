# shellcheck shell=sh
# Sourced by run-tests.sh and run-ingestion.sh, with $root naming the checkout: the one place that makes .venv.
#
#   ensure_venv run    what a crawl needs (requirements.txt)
#   ensure_venv dev    that, and what tests and linters need (requirements-dev.txt)
#
# Invariant: a stamp inside the environment says which pins it holds, and it is written last. Whatever ends this early,
# a full disk or a killed shell, leaves an environment without that line, and the next call makes it anew.
#
# Another line says of which sources the compiled module is (compiled/), or what there was to compile it with when that
# did not work: it is compiled again when either changes, in the environment as it stands. Nothing depends on it.
#
#   DATASYNC_VENV    another place than .venv (absolute), such as one environment for several checkouts
#   PYTHON           the interpreter to make it with
#   CC               the C compiler, where it is not cc, gcc or clang

venv=${DATASYNC_VENV:-$root/.venv}
stamp=$venv/.datasync-stamp

# A terminal that has gone away must not change how a script ends.
say() { printf '%s\n' "$*" >&2 || true; }

die() {
  say "$0: $1"
  exit "${2:-2}"
}

python_version() { "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null; }

# Sets $python. Each candidate is run, for a name on PATH may be a version manager's shim with nothing behind it.
find_python() {
  python='' without_venv=''
  if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3 python3.11 python3.12 python3.13 python3.14; fi
  for candidate; do
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
    if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
      python=$candidate
      return 0
    fi
    without_venv=$candidate
  done
  return 1
}

explain_no_python() {
  if [ -n "$without_venv" ]; then
    say "$without_venv cannot make virtual environments: its venv module is a package of its own here (Debian, Ubuntu: python3-venv)."
  elif [ -n "${PYTHON:-}" ]; then
    say "PYTHON=$PYTHON is no Python of version 3.11 or newer."
  else
    say "No Python of version 3.11 or newer was found (looked for python3 and python3.11 to python3.14)."
  fi
}

pins_of() {
  case $1 in
    run) printf '%s' "$root/requirements.txt" ;;
    dev) printf '%s' "$root/requirements-dev.txt" ;;
  esac
}

stamp_line() { printf '%s %s' "$1" "$(cksum <"$(pins_of "$1")")"; }

# A moved checkout counts as stale too: the scripts of an environment name the place where it was made.
home_line() { printf 'python %s in %s' "$(python_version "$venv/bin/python")" "$venv"; }

venv_is_good() {
  [ -f "$stamp" ] && [ -x "$venv/bin/python" ] || return 1
  grep -qxF -e "$(stamp_line "$1")" "$stamp" && grep -qxF -e "$(home_line)" "$stamp" || return 1
  [ -z "${PYTHON:-}" ] || [ "$(python_version "$PYTHON")" = "$(python_version "$venv/bin/python")" ]
}

code_line() { printf 'code %s' "$(cat "$root"/compiled/*.[ch] "$root/compiled/build.py" | cksum)"; }

compiler() {
  for name in ${CC:-cc gcc clang}; do
    command -v "$name" && return
  done
}

# In vain, with what there is now: $1 is where Python's header belongs.
in_vain_line() {
  if [ -e "$1" ]; then found=there; else found=missing; fi
  printf '%s in vain, compiler %s, %s: %s' "$(code_line)" "$(compiler)" "$found" "$1"
}

code_is_compiled() {
  grep -qxF -e "$(code_line)" "$stamp" && return
  header=$(sed -n 's/^code .* in vain, .*, [a-z]*: //p' "$stamp")
  [ -n "$header" ] && grep -qxF -e "$(in_vain_line "$header")" "$stamp"
}

# The lock belongs to file descriptor 9 of this shell, and the kernel drops it with the shell: a killed one leaves none
# behind. Python takes it, since not every system has a flock command.
lock_venv() {
  mkdir -p "$(dirname "$venv")"
  exec 9>"$venv.lock"
  "$python" -c '
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("waiting for another process that is making this environment", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)' 9>&9
}

unlock_venv() { exec 9>&-; }

venv_can_be_changed() { [ -w "$venv" ] && (: >>"$venv.lock") 2>/dev/null; }

install_pins() {
  say "installing $(basename "$(pins_of "$1")") into $venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
    -r "$(pins_of "$1")" 9>&- ||
    die 'the pinned packages could not be installed; pip said why above' 1
}

make_venv() {
  # .venv is these scripts' to replace. Anything else is replaced only when they made it.
  if [ -n "${DATASYNC_VENV:-}" ] && [ ! -f "$stamp" ] && [ -n "$(ls -A "$venv" 2>/dev/null)" ]; then
    die "DATASYNC_VENV=$venv was not made by this project's scripts; name one that was, or a place where nothing is"
  fi
  say "making $venv with $("$python" --version)"
  rm -rf "$venv"
  mkdir -p "$venv"
  # Empty: made by us, and holding nothing yet.
  : >"$stamp"
  "$python" -m venv "$venv" 9>&- || die "$python could not make a virtual environment in $venv" 1
}

# A crawl that has the older module loaded keeps it: the new one is another file under the same name.
compile_code() {
  header=$("$venv/bin/python" -c 'import os, sysconfig; print(os.path.join(sysconfig.get_path("include"), "Python.h"))')
  [ -z "$(compiler)" ] || say "compiling what reads events into $venv"
  line=$(code_line)
  if ! said=$("$venv/bin/python" "$root/compiled/build.py" 2>&1 9>&-); then
    say "$said; everything works without, and what is installed later is used from the next start on"
    line=$(in_vain_line "$header")
  fi
  { grep -v '^code ' "$stamp"; printf '%s\n' "$line"; } >"$stamp.new" && mv "$stamp.new" "$stamp"
}

need_python() {
  find_python || {
    explain_no_python
    exit 2
  }
}

fill_venv() {
  # The run-time pins are a subset of the others, so the tools can be added to what a crawl may be using right now.
  venv_is_good run || make_venv
  home=$(home_line)
  if [ "$1" = dev ]; then
    { printf '%s\n' "$home"; grep -e '^run ' -e '^code ' "$stamp" || true; } >"$stamp.new" && mv "$stamp.new" "$stamp"
  fi
  install_pins "$1"
  # The checkout itself: a line in site-packages does what an editable install does, and needs no build back end.
  "$venv/bin/python" -c '
import pathlib, sys, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "datasync-checkout.pth").write_text(sys.argv[1] + "\n")' "$root"
  {
    printf '%s\n' "$home"
    stamp_line run
    printf '\n'
    [ "$1" = run ] || { stamp_line dev; printf '\n'; }
    grep '^code ' "$stamp" || true
  } >"$stamp.new"
  mv "$stamp.new" "$stamp"
}

ensure_venv() {
  if ! venv_is_good "$1"; then
    need_python
    lock_venv
    # Another process may have made it while this one waited.
    venv_is_good "$1" || fill_venv "$1"
    unlock_venv
  fi
  if ! code_is_compiled; then
    if venv_can_be_changed; then
      python=$venv/bin/python
      lock_venv
      # Nothing depends on it.
      code_is_compiled || compile_code || true
      unlock_venv
    else
      say "$venv was not made by these scripts, and what reads events in it was compiled of other sources, if at all"
    fi
  fi
  VIRTUAL_ENV=$venv
  PATH=$venv/bin:$PATH
  # This checkout comes first, also where the environment was made for another one.
  PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
  export VIRTUAL_ENV PATH PYTHONPATH
}
