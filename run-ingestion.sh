#!/bin/sh
# The whole job from nothing: sh run-ingestion.sh [--local|--docker] [--help] [-- arguments of scrapy crawl events]
#
# It ends with INGESTION COMPLETE! and the exit code 0 only when both the crawl's exit code and the database say so;
# a line in a log is never taken for the truth. Works in any POSIX shell.
set -eu

# Who reads what this prints changes nothing about what it does: a reader that has gone is no reason to end, and what is
# closed must not become a file of ours.
trap '' PIPE
(: <&0) 2>/dev/null || exec </dev/null
(: >&1) 2>/dev/null || exec >/dev/null
(: >&2) || exec 2>/dev/null

root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
# shellcheck source=scripts/venv.sh
. "$root/scripts/venv.sh"

usage() {
  cat <<'USAGE'
usage: sh run-ingestion.sh [--local|--docker] [-- ARGUMENTS]

Fetches every event of the API into PostgreSQL, going on from where the last run stopped, and says what became of it.

  --local     in a Python environment in .venv, made when missing; the default where Python 3.11 or newer is found.
              Without DATABASE_URL it starts the bundled PostgreSQL, in mock mode without API_BASE_URL the mock API.
  --docker    in containers: PostgreSQL, in mock mode the mock API, and the crawl; the default where there is no such
              Python but a Docker engine.
  ARGUMENTS   go to `scrapy crawl events`, such as -- -O events.jsonl (a file to export to: not with --docker)

Settings come from the environment or from .env; .env.example explains them. Ctrl-C stops the crawl with its position
saved; a second Ctrl-C does not wait for what is in flight.

exit codes: 0 complete · 1 failed · 2 bad configuration · 3 incomplete · 4 another run of this stream is active ·
            5 stopped by a signal, position saved · 6 complete, but an export (-o, -O) failed
USAGE
}

# How many logs of earlier crawls stay in .datasync/logs.
kept_logs=20
grace_seconds=30

mode=''
while [ $# -gt 0 ]; do
  case $1 in
    --local | --docker) mode=${1#--} ;;
    -h | --help) usage || true; exit 0 ;;
    --) shift; break ;;
    *) usage >&2 || true; die "unknown argument: $1 (arguments of the crawl follow --)" ;;
  esac
  shift
done

work=''
follower=''
# The signal that this script was last sent, if any.
signalled=''
cleanup() {
  [ -z "$follower" ] || kill -s KILL "$follower" 2>/dev/null || true
  [ -z "$work" ] || rm -rf "$work"
}
trap cleanup EXIT

cd "$root"
mkdir -p .datasync/logs
# shellcheck disable=SC2012 # the names are ours: no spaces, and sorting by name sorts by time
ls .datasync/logs | sort -r | awk -v kept="$kept_logs" 'NR >= kept' | while read -r old; do rm -f ".datasync/logs/$old"; done
log=.datasync/logs/ingestion-$(date -u +%Y%m%dT%H%M%SZ)-$$.log
work=$(mktemp -d)

# The value of a setting, near enough to what the crawl and Compose read: the environment's, else that of .env.
setting() {
  eval "value=\${$1:-}"
  if [ -z "$value" ] && [ -f .env ]; then
    value=$(sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1=//p" .env | tail -n 1 | tr -d '\r' |
      sed -e 's/^"\(.*\)".*$/\1/' -e "s/^'\(.*\)'.*\$/\1/" -e 's/[[:space:]]#.*$//' -e 's/[[:space:]]*$//')
  fi
  printf '%s' "$value"
}

# Turns what `scrapy status --json` prints into the lines that the end of this script needs.
# shellcheck disable=SC2016 # it is Python
summarise='
import json, sys
try:
    report = json.load(sys.stdin)
except ValueError:
    sys.exit(1)  # scrapy has said why
run = report["run"] or {"id": "-", "status": "unknown", "reason": None}
print(run["status"], report["total_ingested"], report["total_rejected"], run["id"], run["reason"] or "-")'

# Asks the database how the run ended, with the settings that the crawl was given: ask HOW [arguments of the crawl]
ask() {
  how=$1
  shift
  left=$#
  while [ "$left" -gt 0 ]; do
    case $1 in
      -s | --set)
        set -- "$@" "$1" "${2-}"
        shift
        left=$((left - 1))
        ;;
      -s?* | --set=*) set -- "$@" "$1" ;;
    esac
    shift
    left=$((left - 1))
  done
  "$how" "$@" 2>"$work/status" </dev/null || {
    say 'The database could not be asked how the run ended:'
    tail -n 3 "$work/status" >&2 || true
  }
}

# The last word: tell STATUS_LINE EXIT_CODE, with STATUS_LINE from the program above, or empty where it had no answer.
tell() {
  code=$2
  if [ -n "$1" ]; then
    # shellcheck disable=SC2086 # splitting it is the purpose
    set -- $1
    status=$1 ingested=$2 rejected=$3 run=$4
    shift 4
    reason=$*
  else
    status=unknown ingested='' rejected='' run='' reason=''
  fi

  if [ "$code" -eq 0 ] && [ "$status" = complete ]; then
    [ "$rejected" -eq 0 ] || say "$rejected events could not be stored as such; their bytes are in rejected_events."
    {
      echo 'INGESTION COMPLETE!'
      echo "Total events: $ingested"
    } || true
    return 0
  fi

  say ''
  case $code in
    0) say 'INGESTION NOT CONFIRMED: the crawl ended well, but the database does not say that it is complete.'; code=1 ;;
    2) say 'INGESTION NOT STARTED: the configuration is refused; see above.' ;;
    3) say 'INGESTION INCOMPLETE: the next run goes on from the saved position.' ;;
    4) say 'INGESTION NOT STARTED: another run of this stream is active.' ;;
    6) say 'INGESTION COMPLETE, EXPORT FAILED: every event is stored; the file that was asked for is not written.' ;;
    5) say 'INGESTION STOPPED: the position is saved, and the next run goes on from there.' ;;
    *) say 'INGESTION FAILED: what was committed stays, and the next run goes on from there.' ;;
  esac
  [ -z "$run" ] || say "Last run: $run, $status, reason: $reason"
  [ -z "$ingested" ] || say "Events stored so far: $ingested, rejected: $rejected"
  if [ -s "$log" ]; then
    say "The end of $log:"
    tail -n 5 "$log" | sed 's/^/  /' >&2 || true
  fi
  return "$code"
}

# A crawl that the passed-on signal itself ended had not got as far as handling it, so nothing had begun.
as_stopped() {
  if [ -n "$signalled" ] && { [ "$1" -eq 130 ] || [ "$1" -eq 143 ]; }; then echo 5; else echo "$1"; fi
}

# --- in a Python environment -----------------------------------------------------------------------------------------

# The crawl is its own process group, or a Ctrl-C would reach it twice: from the terminal and from this script. To the
# crawl a second signal means to end at once. In a shell without job control, a process in the background also starts
# with SIGINT ignored. Another group than the terminal's may be stopped when it writes there, unless it says not to.
own_group='
import os, signal, sys
os.setpgid(0, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])'

crawl_pid=''

# A signal can come before there is a process to pass it on to: it is passed on as soon as there is.
forward() {
  signalled=$1
  [ -z "$crawl_pid" ] || kill -s "$1" "$crawl_pid" 2>/dev/null || true
}

# Sets $code. The shell's wait returns early for each signal that it handles; this returns when the process has ended.
await() {
  while :; do
    code=0
    wait "$1" || code=$?
    kill -0 "$1" 2>/dev/null || break
  done
  # The interrupted wait may be the very one that the process ended in; a shell still has its exit code then.
  if [ "$code" -gt 128 ]; then
    again=0
    wait "$1" 2>/dev/null || again=$?
    [ "$again" -eq 127 ] || code=$again
  fi
}

ask_here() { scrapy status --json "$@" | python -c "$summarise"; }

run_local() {
  ensure_venv run
  # The crawl keeps the copy itself: on a terminal it also draws a live view, which is nothing for a file. A copy that
  # was wanted elsewhere stays there.
  elsewhere=$(setting LOG_COPY_FILE)
  log=${elsewhere:-$log}
  trap 'forward INT' INT
  trap 'forward TERM' TERM
  # A terminal that goes away says so more than once, and a second signal would end the crawl at once.
  trap 'trap "" HUP; forward TERM' HUP
  LOG_COPY_FILE=$log python -c "$own_group" scrapy crawl events "$@" </dev/null &
  crawl_pid=$!
  [ -z "$signalled" ] || forward "$signalled"
  await "$crawl_pid"
  crawl_code=$(as_stopped "$code")
  # From here on a signal ends only the report.
  trap 'exit "$crawl_code"' INT TERM HUP

  line=''
  if [ "$crawl_code" -ne 2 ]; then
    line=$(ask ask_here "$@")
  fi
  tell "$line" "$crawl_code"
}

# --- in containers ---------------------------------------------------------------------------------------------------

docker_answers() { command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

find_compose() {
  if docker compose version >/dev/null 2>&1; then
    compose='docker compose'
  elif command -v docker-compose >/dev/null 2>&1; then
    compose='docker-compose'
  else
    die 'neither "docker compose" nor docker-compose is installed'
  fi
}

# No password is built in: one is made for this checkout and kept where only its owner can read it.
choose_password() {
  [ -z "$(setting POSTGRES_PASSWORD)" ] || return 0
  if [ ! -s .datasync/postgres-password ]; then
    (
      umask 077
      od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >.datasync/postgres-password
    )
    say 'made a database password in .datasync/postgres-password; a database volume that exists already keeps its own'
  fi
  POSTGRES_PASSWORD=$(cat .datasync/postgres-password)
  export POSTGRES_PASSWORD
}

stop_by=''
started=''

# Before there is a crawl to stop, a signal only ends the preparations, after the command that is under way.
interrupt() {
  signalled=$1
  [ -z "$started" ] || stop_container
}

end_if_signalled() {
  [ -z "$signalled" ] || tell '' 5 || exit $?
}

state_of_container() { docker inspect --format "{{.State.$1}}" "$container" 2>/dev/null; }

follow_container() {
  docker logs --follow "$@" "$container" >&2 2>&1 </dev/null &
  follower=$!
}

# The engine gets the signal by a client that ends at once: a terminal's Ctrl-C also reaches every client that is still running.
# For the same reason there is a new follower afterwards.
stop_container() {
  if [ -z "$stop_by" ]; then
    say "stopping the crawl; it has $grace_seconds seconds to save its position"
    stop_by=$(($(date +%s) + grace_seconds))
  fi
  docker kill --signal TERM "$container" >/dev/null 2>&1 || true
  kill -s KILL "$follower" 2>/dev/null || true
  follow_container --since 1s
}

await_container() {
  while [ "$(state_of_container Running)" = true ]; do
    if [ -n "$stop_by" ] && [ "$(date +%s)" -gt "$stop_by" ]; then
      say 'the time is over; what was committed stays'
      docker kill "$container" >/dev/null 2>&1 || true
    fi
    sleep 1 || true
  done
}

# The last lines may still be on their way; a follower that a signal hit is gone already.
await_follower() {
  tries=0
  while kill -0 "$follower" 2>/dev/null && [ "$tries" -lt 20 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
}

ask_container() {
  # shellcheck disable=SC2016 # for the shell in the container
  $compose run --rm --no-deps -T --entrypoint sh "$service" \
    -c 'scrapy status --json "$@" | python -c "$0"' "$summarise" "$@"
}

# A container's files are read-only and go with it, so an export to one of them would be lost.
refuse_export_file() {
  previous=''
  for argument; do
    case $previous in
      -o | -O | --output | --overwrite-output)
        case $argument in
          -*) ;;
          *) die "$previous $argument: a container keeps no file; use --local for exports" ;;
        esac
        ;;
    esac
    previous=$argument
  done
}

run_docker() {
  refuse_export_file "$@"
  docker_answers || die 'no Docker engine answers; is it running, and may this user speak to it?'
  find_compose
  case $(setting API_MODE | tr '[:upper:]' '[:lower:]') in
    '' | mock) service=ingestion needed='postgres mock-api' ;;
    live) service=ingestion-live needed=postgres compose="$compose --profile live" ;;
    *) die "API_MODE=$(setting API_MODE) is neither mock nor live" ;;
  esac
  choose_password
  if [ -z "${INGESTION_USER:-}" ] && [ "$(id -u)" -ne 0 ]; then
    INGESTION_USER=$(id -u):$(id -g)
    export INGESTION_USER
  fi

  # Its address then stands in that file, and two addresses would be refused.
  if [ -n "$(setting DATABASE_URL_FILE)" ] && [ -z "${INGESTION_DATABASE_URL:-}" ]; then
    INGESTION_DATABASE_URL=''
    export INGESTION_DATABASE_URL
  fi

  trap 'interrupt INT' INT
  trap 'interrupt TERM' TERM
  # A terminal that goes away says so more than once, and a second signal would end the crawl at once.
  trap 'trap "" HUP; interrupt TERM' HUP
  say "building the image and starting $needed"
  $compose build "$service" >"$work/build" 2>&1 </dev/null || {
    end_if_signalled
    tail -n 30 "$work/build" >&2 || true
    die 'the image could not be built' 1
  }
  # Reported when that part of the image is made, and not when it comes from the cache.
  sed -n 's/.*\(events are read without compiled code\)/\1/p' "$work/build" >&2 || true
  # shellcheck disable=SC2086 # a list of services
  $compose up -d $needed </dev/null >&2 || {
    end_if_signalled
    die 'the services that the crawl needs could not be started' 1
  }
  end_if_signalled
  # A container of its own for each crawl, under a name that was never used: what an earlier one logged or exited with
  # can not be taken for this one's, and one that still runs is met by the database's lease, not by its removal.
  container=datasync-ingestion-$(date -u +%Y%m%dT%H%M%SZ)-$$
  $compose run -d --name "$container" "$service" crawl events "$@" </dev/null >/dev/null || {
    docker rm -f "$container" >/dev/null 2>&1 || true
    end_if_signalled
    die 'the crawl could not be started' 1
  }
  started=yes
  follow_container
  [ -z "$signalled" ] || stop_container
  await_container
  crawl_code=$(as_stopped "$(state_of_container ExitCode)")
  trap 'exit "$crawl_code"' INT TERM HUP
  await_follower
  docker logs "$container" >"$log" 2>&1 || true
  docker rm "$container" >/dev/null 2>&1 || true

  line=''
  if [ "$crawl_code" -ne 2 ]; then
    line=$(ask ask_container "$@")
  fi
  tell "$line" "$crawl_code"
}

case $mode in
  local) run_local "$@" ;;
  docker) run_docker "$@" ;;
  *)
    if find_python; then
      run_local "$@"
    elif docker_answers; then
      run_docker "$@"
    else
      explain_no_python
      die 'and no Docker engine answers, which would do instead'
    fi
    ;;
esac
