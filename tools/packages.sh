# packages.sh - the Debian packages this repository needs; apt-get runs only when one is missing.
# shellcheck shell=bash

# What a build needs stands in the Debian package's Build-Depends, and nowhere else; each of them implies build-essential.
packages_build() {
    echo build-essential
    sed -n '/^Build-Depends:/,/^[^ B]/{s/^Build-Depends://; /^[A-Z]/d; s/([^)]*)//g; p}' "$ROOT/deploy/debian/control" |
        tr ',' '\n' | tr -d ' ' | sed '/^$/d; s/^debhelper-compat$/debhelper/'
}

mapfile -t PACKAGES < <(packages_build)
PACKAGES+=(
    # run: a private PostgreSQL, and what the scripts call
    postgresql-15 postgresql-client-15 pgbouncer openssl curl util-linux procps ca-certificates
    # test: unit tests, SQL, scripted and real SMTP peers, sanitizers, fuzzing, lint
    libcmocka-dev python3-pytest python3-pytest-xdist python3-psycopg python3-aiosmtpd python3-jsonschema
    python3-prometheus-client python3-selenium chromium chromium-driver postfix sasl2-bin libsasl2-modules prometheus nginx
    postgresql-15-pgtap libtap-parser-sourcehandler-pgtap-perl
    clang clang-format clang-tidy llvm libclang-rt-14-dev shellcheck pyflakes3
    # test: manual pages, the Debian package, the images
    groff-base debootstrap systemd docker-compose python3-yaml
)

packages_want_bench() { PACKAGES+=(wrk gnuplot-nox); } # what ./dev bench alone needs

packages_missing() {
    local have name
    # shellcheck disable=SC2016 # ${...} is dpkg-query's own syntax
    have=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "${PACKAGES[@]}" 2>/dev/null | sed -n 's/^ii *//p') || true
    for name in "${PACKAGES[@]}"; do
        grep -qxF -- "$name" <<<"$have" || printf '%s\n' "$name"
    done
}

# None of them is to serve this machine by itself (nginx, prometheus, postgresql): a policy says so while they are installed, unless there
# is one already.
packages_install_idle() ( # a subshell: the policy goes whatever happens
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap '"${as_root[@]}" rm -f "$policy"' EXIT
        trap 'exit 1' INT TERM
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@" </dev/null >&2
)

packages_ensure() {
    local missing
    [ -n "${PACKAGES_ENSURED:-}" ] && return
    command -v dpkg-query >/dev/null || die "this is not Debian: install the equivalents of: ${PACKAGES[*]}"
    mapfile -t missing < <(packages_missing)
    if [ ${#missing[@]} -gt 0 ]; then
        local as_root=()
        if [ "$(id -u)" -ne 0 ]; then
            command -v sudo >/dev/null || die "packages are missing. As root, run:
    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
            as_root=(sudo)
        fi
        say "installing: ${missing[*]}"
        # Postfix is wanted for smtp-sink and smtp-source only: it must not become this machine's mail server.
        echo "postfix postfix/main_mailer_type select No configuration" |
            "${as_root[@]}" debconf-set-selections 2>/dev/null || true
        "${as_root[@]}" apt-get update -qq >&2
        packages_install_idle "${missing[@]}"
    fi
    export PACKAGES_ENSURED=1
}
