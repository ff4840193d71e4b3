# Sourced by the scripts in this folder. Each brings one outside program that tests or benchmarks
# stand on into build/tools, does nothing when it is already there, and exits with 77 ("skipped")
# and one line on stderr when this machine lacks what it needs.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools=$root/build/tools
name=$(basename "$0")
mkdir -p "$tools"

# One run at a time per tool; a second one waits and then finds it done.
exec 9>"$tools/$name.lock"
flock 9

skip() {
  echo "$name skipped: $*" >&2
  exit 77
}

# need COMMAND HINT: skips unless COMMAND is on the PATH.
need() {
  command -v "$1" >/dev/null || skip "$1 is not installed ($2)"
}

# exit_if_current TEXT RESULT: ends the script when RESULT exists and was made from TEXT.
exit_if_current() {
  if [ -e "$2" ] && [ "$(cat "$tools/$name.stamp" 2>/dev/null)" = "$1" ]; then
    exit 0
  fi
  rm -f "$tools/$name.stamp"
}

# Remembers what the result was made from, for exit_if_current.
mark_current() {
  echo "$1" >"$tools/$name.stamp"
}

# fingerprint FILE...: a text that changes when one of the files does.
fingerprint() {
  cat "$@" | sha256sum | cut -c1-16
}
