#!/usr/bin/env bash
# Runs upmon as action.yml was asked to. Everything comes by the environment, and no input is ever read as shell text:
#   INPUT_COMMAND        the command, such as `check` or `run`
#   INPUT_ARGUMENTS      further arguments, one a line
#   INPUT_PINS, INPUT_CONFIG, INPUT_FAIL_ON, INPUT_ALLOW_UNKNOWN, INPUT_REPORT   empty: as upmon itself has it
#   INPUT_TOKEN          the token for GitHub
#   INPUT_CACHE_DIR      where facts are kept between runs; empty: none are
#
# upmon itself writes the outputs `worst`, `behind`, `unknown` and `report`; `exit-code` joins them. Ends as upmon ends.
#
# Works with the bash 3.2 of macOS and the one of Git for Windows.
set -euo pipefail

# Sets a variable that upmon reads, where there is something to say; empty is not the same as absent.
give() { # NAME VALUE
  [ -z "$2" ] || export "$1=$2"
}

give UPMON_PINS "${INPUT_PINS:-}"
give UPMON_CONFIG "${INPUT_CONFIG:-}"
give UPMON_CHECK_FAIL_ON "${INPUT_FAIL_ON:-}"
give UPMON_CHECK_ALLOW_UNKNOWN "${INPUT_ALLOW_UNKNOWN:-}"
give UPMON_GITHUB_TOKEN "${INPUT_TOKEN:-}"
give UPMON_CACHE_DIR "${INPUT_CACHE_DIR:-}"
unset INPUT_TOKEN

command=${INPUT_COMMAND:-check}
arguments=("$command")
case $command in
  check | run)
    arguments+=(--format github)
    [ -z "${INPUT_REPORT:-}" ] || arguments+=(--write-report "$INPUT_REPORT")
    ;;
esac
while IFS= read -r line || [ -n "$line" ]; do
  line=${line%$'\r'}
  [ -z "$line" ] || arguments+=("$line")
done <<<"${INPUT_ARGUMENTS:-}"

code=0
upmon "${arguments[@]}" || code=$?
[ -z "${GITHUB_OUTPUT:-}" ] || printf 'exit-code=%s\n' "$code" >>"$GITHUB_OUTPUT"
exit "$code"
