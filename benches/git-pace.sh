#!/usr/bin/env bash
# Asks 200 repositories of 500 tags for their tags over smart HTTP on loopback: once with `git ls-remote --tags`, 32 at a
# time, once with upmon's git registry. Prints wall, user and system seconds of the clients for each round; what the
# server costs is the same for both and not counted, but it shares the processors with them.
#
#   benches/git-pace.sh [ROUNDS] [REPOSITORIES] [TAGS]
#
# Needs git, and builds the release profile.
set -euo pipefail

rounds=${1:-5} repositories=${2:-200} tags=${3:-500}
cd "$(dirname "$0")/.."
program=$(cargo bench --bench git_pace --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"name":"git_pace".*"executable":"\([^"]*\)".*/\1/p')
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT

export HOME=$folder GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
git init -q --bare -b main "$folder/0.git"
{
    echo "commit refs/heads/main"
    echo "mark :1"
    echo "committer Upstream <upstream@example.org> 1704067200 +0000"
    echo "data 1"
    echo "m"
    for ((tag = 0; tag < tags; tag++)); do
        # half of them annotated, as seen in the wild
        if ((tag % 2)); then
            printf 'tag v1.%d.0\nfrom :1\ntagger Upstream <upstream@example.org> 1704067200 +0000\ndata 1\nt\n' "$tag"
        else
            printf 'reset refs/tags/v1.%d.0\nfrom :1\n\n' "$tag"
        fi
    done
} | git -C "$folder/0.git" fast-import --quiet
git -C "$folder/0.git" pack-refs --all
for ((copy = 1; copy < repositories; copy++)); do cp -r "$folder/0.git" "$folder/$copy.git"; done

exec 3< <(exec "$program" serve "$folder")
server=$!
read -r address <&3
for ((copy = 0; copy < repositories; copy++)); do echo "$address/$copy.git"; done >"$folder/addresses"

TIMEFORMAT='%R s wall, %U s user, %S s system'
for ((round = 1; round <= rounds; round++)); do
    printf 'round %d, git:   ' "$round" >&2
    time xargs -P 32 -n 1 git ls-remote --tags <"$folder/addresses" >/dev/null 2>&1
    printf 'round %d, upmon: ' "$round" >&2
    time "$program" ask <"$folder/addresses" >"$folder/answer"
done
cat "$folder/answer"
