#!/usr/bin/env bash
# How fast `upmon serve` answers badges, beside nginx with a file of the same size, in turns. Needs nginx and wrk.
#
#   cargo build --release --locked && benches/badge-pace.sh [ROUNDS] [SECONDS]
#
# nginx gets one worker for each core, and so does the service; both write no access log. Four threads of wrk hold 64
# connections. Prints requests a second and the 99th percentile of the answer, of each round.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3} seconds=${2:-10}
upmon=$(realpath "${UPMON_BIN:-${CARGO_TARGET_DIR:-target}/release/upmon}")
for program in nginx wrk curl; do
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || { echo "missing: apt-get install nginx-light wrk curl" >&2; exit 1; }
done
PATH=$PATH:/usr/sbin
work=$(mktemp -d)
chmod 755 "$work"
children=()
trap 'kill "${children[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

printf '{ "rust": { "one": "1.0.0", "two": "2.0.0" } }' >"$work/upstream-versions.json"
printf '[server]\nlisten = "127.0.0.1:0"\ndatabase = "%s/upmon.db"\n' "$work" >"$work/upmon.toml"
"$upmon" serve --offline --pins "$work/upstream-versions.json" --config "$work/upmon.toml" 2>"$work/log" &
children+=($!)
until service=$(sed -n 's|^listening on ||p' "$work/log") && [ -n "$service" ]; do sleep 0.1; done
until curl -sf "$service/readyz" | grep -q '"last_good_check":"'; do sleep 0.1; done

mkdir "$work/files"
curl -sf "$service/badge.svg" -o "$work/files/badge.svg"
curl -sf "$service/badge/rust/one.json" -o "$work/files/one.json"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
user=''
[ "$(id -u)" = 0 ] && user='user root;'
cat >"$work/nginx.conf" <<CONF
daemon off; worker_processes auto; pid $work/nginx.pid; error_log $work/error.log; $user
events { worker_connections 1024; }
http { access_log off; keepalive_requests 100000000; server { listen 127.0.0.1:$port; root $work/files;
  client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fastcgi;
  uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
  types { image/svg+xml svg; application/json json; } } }
CONF
nginx -c "$work/nginx.conf" -e "$work/error.log" &
children+=($!)
until curl -sf "http://127.0.0.1:$port/badge.svg" -o /dev/null; do sleep 0.1; done

pace() { # NAME ADDRESS
  wrk --threads 4 --connections 64 --duration "${seconds}s" --latency "$2" |
    awk -v name="$1" '$1 == "99%" { p99 = $2 } $1 == "Requests/sec:" { pace = $2 } /Non-2xx|Socket errors/ { bad = bad " " $0 }
      END { printf "%-28s %10.0f requests/s   p99 %s%s\n", name, pace, p99, bad }'
}

echo "$(stat -c %s "$work/files/badge.svg") bytes of SVG, $(stat -c %s "$work/files/one.json") of JSON; $(nproc) cores, load $(cut -d ' ' -f 1-3 /proc/loadavg)"
for round in $(seq "$rounds"); do
  echo "round $round"
  pace 'upmon /badge.svg' "$service/badge.svg"
  pace 'nginx /badge.svg' "http://127.0.0.1:$port/badge.svg"
  pace 'upmon /badge/rust/one.json' "$service/badge/rust/one.json"
  pace 'nginx /one.json' "http://127.0.0.1:$port/one.json"
done
grep VmHWM "/proc/${children[0]}/status"
