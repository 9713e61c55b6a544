#!/usr/bin/env bash
# Installs a released upmon for this machine. Its archive must have the checksum that the same release's SHA256SUMS tells,
# unpack, and hold a binary that tells the version asked for; otherwise nothing is installed.
#
# action.yml runs this, and everything comes by the environment:
#   INPUT_VERSION             `0.1.0`, `v0.1.0` or `latest` [default: the version of the action's own Cargo.toml]
#   INPUT_REPOSITORY          OWNER/NAME, whose releases are meant
#   INPUT_RELEASES            where its releases are [default: $GITHUB_SERVER_URL/$INPUT_REPOSITORY/releases]
#   INPUT_VERIFY_ATTESTATION  `true`: the archive must be attested by that repository's release workflow; needs `gh`
#   INSTALL_DIR               where the binary goes [default: upmon-bin in $RUNNER_TEMP]
#   RUNNER_OS, RUNNER_ARCH    as GitHub's runner sets them [default: what uname says]
#
# The directory joins GITHUB_PATH; `version` and `binary` join GITHUB_OUTPUT. What is said goes to standard error.
# Exit codes are upmon's: 2 where an input is wrong, 4 where the release cannot be installed.
#
# Works with the bash 3.2 of macOS and the one of Git for Windows.
set -euo pipefail

fail() { # CODE MESSAGE [HINT]
  printf 'error: %s\n' "$2" >&2
  [ $# -lt 3 ] || printf 'hint: %s\n' "$3" >&2
  exit "$1"
}

# The target triple that release.yml builds for this machine.
target() {
  local system=${RUNNER_OS:-$(uname -s)} processor=${RUNNER_ARCH:-$(uname -m)} suffix
  case $system in
    Linux) suffix=unknown-linux-musl ;;
    macOS | Darwin) suffix=apple-darwin ;;
    Windows | MINGW* | MSYS*) suffix=pc-windows-msvc ;;
    *) fail 2 "there is no released binary for the system \`$system\`" "build it: cargo install --locked --git ADDRESS" ;;
  esac
  case $processor in
    X64 | x86_64 | amd64) printf 'x86_64-%s\n' "$suffix" ;;
    ARM64 | aarch64 | arm64) printf 'aarch64-%s\n' "$suffix" ;;
    *) fail 2 "there is no released binary for the processor \`$processor\`" "build it: cargo install --locked --git ADDRESS" ;;
  esac
}

# Git for Windows writes /d/a/file where the runner says D:\a\file; tar would take that colon for a host.
here_path() { if command -v cygpath >/dev/null 2>&1; then cygpath -u "$1"; else printf '%s\n' "$1"; fi; }
their_path() { if command -v cygpath >/dev/null 2>&1; then cygpath -w "$1"; else printf '%s\n' "$1"; fi; }

# Nothing but https, except from this machine itself.
protocol() {
  case $releases in
    https://*) printf '=https\n' ;;
    http://127.0.0.1:* | http://localhost:*) printf '=http\n' ;;
    file:///*) printf '=file\n' ;;
    *) fail 2 "releases are not at an https address: \`$releases\`" "the input \`releases\` is such as https://github.com/OWNER/NAME/releases" ;;
  esac
}

fetch() { # ADDRESS CURL-OPTION...
  local address=$1
  shift
  curl --silent --show-error --fail --location --proto "$protocol" --proto-redir "$protocol" \
    --connect-timeout 20 --max-time 600 --retry 3 "$@" "$address" ||
    fail 4 "cannot get \`$address\`" "is there such a release, and has it a file of that name?"
}

# `v0.1.0`, also where `latest` is asked for: everything then comes from that one release.
tag() {
  local version=$INPUT_VERSION address
  if [ -z "$version" ]; then
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../../Cargo.toml" | head -n 1)
  elif [ "$version" = latest ]; then
    address=$(fetch "$releases/latest" --output /dev/null --write-out '%{url_effective}') || exit
    version=${address##*/tag/}
  fi
  version=${version#v}
  [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] ||
    fail 2 "\`$version\` is no version of upmon" "the input \`version\` is such as 0.1.0, or latest"
  printf 'v%s\n' "$version"
}

sha256() { # FILE
  if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1" | cut -c 1-64; else shasum -a 256 <"$1" | cut -c 1-64; fi
}

# The one checksum that SHA256SUMS tells of a file.
told_checksum() { # NAME
  local told
  told=$(tr -d '\r' <"$work/SHA256SUMS" | awk -v name="$1" '$2 == name || $2 == "*" name { print $1 }')
  [[ $told =~ ^[0-9a-f]{64}$ ]] || fail 4 "SHA256SUMS of $tag has not one checksum of \`$1\`" "was this release published whole?"
  printf '%s\n' "$told"
}

verify_attestation() { # FILE
  command -v gh >/dev/null 2>&1 || fail 4 "cannot verify the attestation: there is no \`gh\`" "install it, or leave out verify-attestation"
  gh attestation verify "$1" --repo "$INPUT_REPOSITORY" --signer-workflow "$INPUT_REPOSITORY/.github/workflows/release.yml" >&2 ||
    fail 4 "\`${1##*/}\` is not attested by the release workflow of \`$INPUT_REPOSITORY\`" "do not use that file, and tell its maintainers"
}

unpack() { # ARCHIVE DIRECTORY
  case $1 in
    *.zip) unzip -q "$1" -d "$2" ;;
    *) tar -xzf "$1" -C "$2" ;;
  esac
}

append() { # FILE LINE
  [ -z "$1" ] || printf '%s\n' "$2" >>"$(here_path "$1")"
}

: "${INPUT_VERSION:=}" "${INPUT_RELEASES:=}" "${INPUT_VERIFY_ATTESTATION:=false}"
[[ ${INPUT_REPOSITORY:-} =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]] ||
  fail 2 "\`${INPUT_REPOSITORY:-}\` names no repository" "the input \`repository\` is such as OWNER/NAME"
releases=${INPUT_RELEASES:-${GITHUB_SERVER_URL:-https://github.com}/$INPUT_REPOSITORY/releases}
releases=${releases%/}
protocol=$(protocol)
target=$(target)
tag=$(tag)
case $target in
  *windows*) executable=upmon.exe extension=zip ;;
  *) executable=upmon extension=tar.gz ;;
esac
name=upmon-${tag#v}-$target

temporary=$(here_path "${RUNNER_TEMP:-${TMPDIR:-/tmp}}")
directory=$(here_path "${INSTALL_DIR:-$temporary/upmon-bin}")
work=$(mktemp -d "$temporary/upmon-install.XXXXXX")
trap 'rm -rf "$work"' EXIT

fetch "$releases/download/$tag/SHA256SUMS" --output "$work/SHA256SUMS"
told=$(told_checksum "$name.$extension")
fetch "$releases/download/$tag/$name.$extension" --output "$work/$name.$extension"
found=$(sha256 "$work/$name.$extension")
[ "$found" = "$told" ] ||
  fail 4 "\`$name.$extension\` has the checksum $found, and SHA256SUMS says $told" "try again; if that stays so, do not use it"
[ "$INPUT_VERIFY_ATTESTATION" != true ] || verify_attestation "$work/$name.$extension"

mkdir "$work/unpacked"
unpack "$work/$name.$extension" "$work/unpacked" || fail 4 "cannot unpack \`$name.$extension\`"
binary=$work/unpacked/$name/$executable
[ -f "$binary" ] || fail 4 "\`$name.$extension\` holds no \`$name/$executable\`"
chmod 755 "$binary"
says=$("$binary" --version) || fail 4 "the binary for $target does not run here"
[ "$says" = "upmon ${tag#v}" ] || fail 4 "the binary of $tag says that it is \`$says\`"

mkdir -p "$directory"
mv -f "$binary" "$directory/$executable"
append "${GITHUB_PATH:-}" "$(their_path "$directory")"
append "${GITHUB_OUTPUT:-}" "version=${tag#v}"
append "${GITHUB_OUTPUT:-}" "binary=$(their_path "$directory/$executable")"
printf 'installed upmon %s for %s, sha256 %s\n' "${tag#v}" "$target" "$told" >&2
