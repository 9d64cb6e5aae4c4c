#!/bin/sh
# make-secrets.sh - make the secrets that docker-compose.yml gives to its services, where they are not there yet.
#
# The folder is closed to everybody else. The files in it are not: the services read them under ids of their own.
set -eu
directory=$(dirname "$0")/secrets
mkdir -p "$directory"
chmod 0700 "$directory"
cd "$directory"

make() { # name; the secret comes on standard input
    if [ -s "$1" ]; then cat >/dev/null; else cat >"$1.new" && chmod 0444 "$1.new" && mv "$1.new" "$1"; fi
}

random() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }

random 24 | make api_token
random 32 | make encryption_key
random 24 | make grafana_password
random 24 | tr '+/' '-_' | make database_password # as it may stand in a URL
printf 'postgresql://mailproxy:%s@postgres/mailproxy' "$(cat database_password)" | make database_url
