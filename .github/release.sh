#!/usr/bin/env bash
# The steps of a release that need no GitHub; workflows/release.yml calls them, and tests/real/run tries them.
#
#   .github/release.sh check TAG             the tag, Cargo.toml, Cargo.lock, the chart and CHANGELOG.md name the same version
#   .github/release.sh notes VERSION         the section of CHANGELOG.md about a version
#   .github/release.sh targets               the targets, one a line
#   .github/release.sh package BINARIES OUT [TARGET...]
#                                            archives of BINARIES/TARGET/upmon[.exe], and OUT/SHA256SUMS; the manual
#                                            pages and completions are made by $UPMON_FOR_DOCS [default: the x86-64
#                                            Linux one]; the same bytes for the same input and $SOURCE_DATE_EPOCH
#   .github/release.sh image-context OUT DIR the Linux binaries of the archives in OUT, as the Dockerfile wants them
set -euo pipefail
shopt -s inherit_errexit
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

TARGETS=(
  x86_64-unknown-linux-musl aarch64-unknown-linux-musl
  x86_64-apple-darwin aarch64-apple-darwin
  x86_64-pc-windows-msvc aarch64-pc-windows-msvc
)

fail() { # MESSAGE HINT
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

version() { # of a package in a TOML file
  sed -n '/^name = "upmon"$/{n;s/^version = "\(.*\)"$/\1/p;}' "$1"
}

notes() { # VERSION
  local text
  text=$(awk -v start="## [$1]" '
    substr($0, 1, 3) == "## " { told = substr($0, 1, length(start)) == start; next }
    told { print }' "$root/CHANGELOG.md")
  [ -n "${text//[[:space:]]/}" ] ||
    fail "CHANGELOG.md says nothing of $1" "move what is under [Unreleased] to a section \`## [$1] - $(date -u +%F)\`"
  printf '%s\n' "$text" | sed '/./,$!d'
}

check() { # TAG
  local version
  version=$(version "$root/Cargo.toml")
  [ "$1" = "v$version" ] || fail "the tag is $1, and Cargo.toml says $version" "tag the commit that sets the version, as v$version"
  [ "$(version "$root/Cargo.lock")" = "$version" ] || fail "Cargo.lock has another version" "cargo check, and commit Cargo.lock"
  grep -qxF "appVersion: \"$version\"" "$root/deploy/helm/upmon/Chart.yaml" ||
    fail "the chart installs another version" "set appVersion in deploy/helm/upmon/Chart.yaml"
  notes "$version" >/dev/null
  printf '%s\n' "$version"
}

# What stands beside the binary in every archive.
documents() { # DIRECTORY
  local upmon=${UPMON_FOR_DOCS:-$binaries/x86_64-unknown-linux-musl/upmon} command
  mkdir -p "$1/man" "$1/completions"
  cp "$root"/{LICENSE,LICENSE-APACHE,LICENSE-MIT,README.md,CHANGELOG.md} "$1"
  "$upmon" man >"$1/man/upmon.1"
  "$upmon" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' | while read -r command; do
    [ "$command" = help ] || "$upmon" man "$command" >"$1/man/upmon-$command.1"
  done
  "$upmon" completions bash >"$1/completions/upmon.bash"
  "$upmon" completions elvish >"$1/completions/upmon.elv"
  "$upmon" completions fish >"$1/completions/upmon.fish"
  "$upmon" completions powershell >"$1/completions/_upmon.ps1"
  "$upmon" completions zsh >"$1/completions/_upmon"
}

# The order, owners, modes and dates in an archive tell nothing of the machine that made it.
archive() { # NAME, a directory in $work
  local at="@${SOURCE_DATE_EPOCH:-0}"
  find "$work/$1" -exec touch --no-dereference --date="$at" {} +
  case $1 in
    *windows*) (cd "$work" && find "$1" -type f | LC_ALL=C sort | TZ=UTC zip -q -X -@ "$out/$1.zip") ;;
    *) tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="$at" -cf - "$1" | gzip -9n >"$out/$1.tar.gz" ;;
  esac
}

package() { # BINARIES OUT [TARGET...]
  local version target name executable targets
  binaries=$(realpath "$1")
  mkdir -p "$2"
  out=$(realpath "$2")
  [ -z "$(ls -A "$out")" ] || fail "\`$2\` is not empty" "a release is packaged into a new directory"
  shift 2
  targets=("$@")
  [ ${#targets[@]} -gt 0 ] || targets=("${TARGETS[@]}")
  version=$(version "$root/Cargo.toml")
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  for target in "${targets[@]}"; do
    executable=upmon
    [[ $target != *windows* ]] || executable=upmon.exe
    [ -f "$binaries/$target/$executable" ] || fail "there is no \`$target/$executable\`" "every target is built before any is packaged"
  done
  documents "$work/documents"
  for target in "${targets[@]}"; do
    executable=upmon
    [[ $target != *windows* ]] || executable=upmon.exe
    name=upmon-$version-$target
    cp -r "$work/documents" "$work/$name"
    install -m 755 "$binaries/$target/$executable" "$work/$name/$executable"
    chmod -R u=rwX,go=rX "$work/$name"
    archive "$name"
    rm -r "${work:?}/$name"
  done
  (cd "$out" && sha256sum -- upmon-* >SHA256SUMS)
}

image_context() { # OUT DIR
  local version pair target
  version=$(version "$root/Cargo.toml")
  for pair in amd64:x86_64-unknown-linux-musl arm64:aarch64-unknown-linux-musl; do
    target=${pair#*:}
    mkdir -p "$2/linux/${pair%%:*}"
    tar -xzf "$1/upmon-$version-$target.tar.gz" -C "$2/linux/${pair%%:*}" --strip-components=1
  done
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command:$# in
  check:1) check "$1" ;;
  notes:1) notes "$1" ;;
  targets:0) printf '%s\n' "${TARGETS[@]}" ;;
  package:[2-9]) package "$@" ;;
  image-context:2) image_context "$@" ;;
  *) fail "no such step: \`$command\` with $# arguments" "$(sed -n 's/^#   \(\.github.*\)/\1/p' "${BASH_SOURCE[0]}" | tr '\n' ';')" ;;
esac
