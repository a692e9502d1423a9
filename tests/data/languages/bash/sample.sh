#!/usr/bin/env bash
# Publishes the tide tables of every harbour.

set -euo pipefail

readonly VERSION="2.1.0"
export TIDE_HOME="${TIDE_HOME:-$HOME/.tide}"
declare -r MINIMUM_DEPTH=1.5
declare -A STATIONS=([north]=1 [south]=2)
declare -a queue
typeset -i count=0
stations_file=$TIDE_HOME/stations
IFS=$'\n' read -r first_line < "$stations_file"
LOG_LEVEL=debug REGION=nord; echo

alias tl='tide list'
alias ll="ls -l" la='ls -a'

# Writes one line to the log.
#
# Arguments: the text
log() {
  local message=$1
  printf '%s %s\n' "$(date +%T)" "$message" >&2
}

function die {
  log "$@"
  exit 1
}

function fetch_table() {
  local station=$1 year
  year=$(date +%Y)
  result="$TIDE_HOME/$station"

  # Runs again after a failure.
  retry() {
    "$@" || "$@"
  }
  retry curl -fsSL "https://example.org/$station/$year"
}

tide::publish-all() (
  cd "$TIDE_HOME" || die "no home"
  for station in "${!STATIONS[@]}"; do
    fetch_table "$station" | sort -u
  done
)

größe() { stat -c %s "$1"; }

if [[ -n ${DEBUG:-} ]]; then
  DEBUG_FILE=/tmp/tide.log
  trace() { set -x; }
fi

case ${1:-} in
  publish)
    MODE=publish
    tide::publish-all
    ;;
  *)
    cat <<USAGE
usage: not_a_function() {
  publish
}
USAGE
    ;;
esac

queue+=("$first_line")
PATH=$PATH:/opt/tide/bin; export PATH
export -f log
unset count
log "done: ${#queue[@]}"
