# home.sh - one running system: PostgreSQL, server, workers, with everything it needs in one directory.
#
#   port, encryption_key   remembered from the first start
#   settings               the exports that `env` prints, written by `up`
#   log/NAME.log           what each program wrote
#   pid/NAME               "pid start-time": a pid alone may have become somebody else's
#   pg/, sock/             PostgreSQL's data and socket, or elsewhere: see home_pg_base
#
# shellcheck shell=bash

PG_USER=mailproxy
PG_DATABASE=mailproxy

home_directory() {
    local home=${MAILPROXY_HOME:-$ROOT/.run}
    mkdir -p "$home"
    (cd "$home" && pwd -P)
}

# ---- processes --------------------------------------------------------------------------------------------------

home_start_time() { # pid -> start time in clock ticks since boot; nothing when there is no such process
    local stat fields
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    read -ra fields <<<"${stat##*) }" # behind the name, which may hold spaces
    [ "${fields[0]}" = Z ] || echo "${fields[19]}"
}

home_pid() { # name -> the pid, when what we started still runs
    local pid started
    read -r pid started 2>/dev/null <"$H/pid/$1" || return 1
    [ -n "$started" ] && [ "$(home_start_time "$pid")" = "$started" ] || return 1
    echo "$pid"
}

home_spawn() { # name, command...
    local name=$1 pid
    shift
    setsid -- "$@" >>"$H/log/$name.log" 2>&1 </dev/null 8>&- &
    pid=$!
    echo "$pid $(home_start_time "$pid")" >"$H/pid/$name"
}

home_stop() { # name: SIGTERM, and SIGKILL after 40 s (the programs' own grace is 30 s)
    local pid i
    if pid=$(home_pid "$1"); then
        kill -TERM "$pid" 2>/dev/null || true
        for ((i = 0; i < 400; i++)); do
            home_pid "$1" >/dev/null || break
            sleep 0.1
        done
        if home_pid "$1" >/dev/null; then
            say "$1 did not end on SIGTERM: killed"
            kill -KILL "$pid" 2>/dev/null || true
        fi
    fi
    rm -f "$H/pid/$1"
}

home_fail() { # name, what: show the last lines of its log and give up
    say "--- the last lines of $H/log/$1.log ---"
    tail -n 20 "$H/log/$1.log" >&2 || true
    die "$2"
}

home_workers() { # names of the workers that have a pid file, in order
    local f
    for f in "$H"/pid/worker-*; do [ -e "$f" ] && echo "${f##*/}"; done | sort -t- -k2n
}

# ---- PostgreSQL -------------------------------------------------------------------------------------------------

home_pg_program() { printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1; }

# PostgreSQL refuses to run as root: root runs it as the user postgres.
home_as_pg() { if [ "$(id -u)" -eq 0 ]; then (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"); else "$@"; fi; }

# Where PostgreSQL lives: in the home; or below /var/tmp, when its user cannot reach the home (a clone below /root), or the
# path is too long for a Unix socket (107 octets) or would need quoting in a connection string.
home_pg_base() {
    local base=$H
    if [ ${#H} -gt 80 ] || [[ $H =~ [^A-Za-z0-9/_.-] ]] || ! home_as_pg test -x "$H"; then
        base=/var/tmp/mailproxy-$(id -u)-$(printf '%s' "$H" | sha256sum | cut -c1-12)
        if ! mkdir -m 0711 "$base" 2>/dev/null && [ ! -O "$base" ]; then
            die "$base exists and is somebody else's"
        fi
    fi
    echo "$base"
}

home_pg_url() { echo "postgresql:///$PG_DATABASE?host=$1/sock&user=$PG_USER"; }

home_pg_running() { home_as_pg "$(home_pg_program pg_ctl)" -D "$1/pg" status >/dev/null 2>&1; }

home_pg_start() { # base
    local base=$1 part
    home_pg_running "$base" && return
    for part in pg sock; do
        (umask 077 && mkdir -p "$base/$part")
        [ "$(id -u)" -ne 0 ] || chown postgres:postgres "$base/$part"
    done
    # initdb writes PG_VERSION early but this marker is ours: an initdb that was interrupted is begun again.
    if [ ! -e "$base/pg/mailproxy_made" ]; then
        say "making a PostgreSQL cluster in $base/pg"
        find "$base/pg" -mindepth 1 -delete
        home_as_pg "$(home_pg_program initdb)" -D "$base/pg" -U "$PG_USER" --auth=trust --encoding=UTF8 \
            --locale=C.UTF-8 >"$H/log/initdb.log" 2>&1 || home_fail initdb "initdb failed"
        home_as_pg touch "$base/pg/mailproxy_made"
    fi
    # The socket's directory is open to its owner alone, so trusting who comes through it is safe.
    home_as_pg "$(home_pg_program pg_ctl)" -D "$base/pg" -l "$base/pg/log" -w -t 60 -s \
        -o "-c listen_addresses='' -c unix_socket_directories='$base/sock' -c max_connections=200 ${MAILPROXY_PG_OPTIONS:-}" start \
        >/dev/null 2>&1 8>&- || {
        tail -n 20 "$base/pg/log" >&2
        die "PostgreSQL did not start"
    }
    psql -XAtq "postgresql:///postgres?host=$base/sock&user=$PG_USER" \
        -c "SELECT 1 FROM pg_database WHERE datname = '$PG_DATABASE'" | grep -q 1 ||
        psql -Xq "postgresql:///postgres?host=$base/sock&user=$PG_USER" -c "CREATE DATABASE $PG_DATABASE"
}

# ---- settings ---------------------------------------------------------------------------------------------------

home_setting() { # name -> its value, from the environment or the file that NAME_FILE points to
    local file=${1}_FILE
    if [ -n "${!1:-}" ]; then printf '%s' "${!1}"; elif [ -n "${!file:-}" ]; then head -n 1 "${!file}" | tr -d '\r\n'; fi
}

home_is_given() { [ -n "$(home_setting "$1")" ]; }

home_port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

home_choose_port() { # the remembered one, 8000, or any that is free
    local port
    for port in $(cat "$H/port" 2>/dev/null) 8000 $(shuf -i 8001-9999 -n 50); do
        home_port_is_taken "$port" || break
    done
    echo "$port" >"$H/port"
    echo "$port"
}

home_encryption_key() {
    [ -s "$H/encryption_key" ] || (umask 077 && openssl rand -base64 32 >"$H/encryption_key")
    cat "$H/encryption_key"
}

# Complete the environment for the programs; what the caller gave stays as it is.
home_complete_settings() {
    home_is_given GMP_DATABASE_URL || export GMP_DATABASE_URL="$1"
    home_is_given GMP_HOST || export GMP_HOST=127.0.0.1
    home_is_given MAIL_PROXY_ENCRYPTION_KEY || {
        MAIL_PROXY_ENCRYPTION_KEY=$(home_encryption_key)
        export MAIL_PROXY_ENCRYPTION_KEY
    }
    home_is_given GMP_PORT || {
        GMP_PORT=$(home_choose_port)
        export GMP_PORT
    }
    export MAILPROXY_HOME=$H
    MAILPROXY_URL=$(home_url)
    export MAILPROXY_URL
}

home_url() {
    local host
    host=$(home_setting GMP_HOST)
    case $host in
    0.0.0.0) host=127.0.0.1 ;;
    ::) host='[::1]' ;;
    *:*) host="[$host]" ;;
    esac
    echo "http://$host:$(home_setting GMP_PORT)"
}

home_page_line() { # where the web page is, and what logs in there
    if home_is_given GMP_API_TOKEN; then
        echo "web page: $MAILPROXY_URL/ (log in with GMP_API_TOKEN, or a tenant's token)"
    else
        echo "web page: $MAILPROXY_URL/ (asks for no token, because GMP_API_TOKEN is not set)"
    fi
}

home_print_exports() {
    local name
    for name in GMP_DATABASE_URL GMP_HOST GMP_PORT GMP_API_TOKEN MAIL_PROXY_ENCRYPTION_KEY MAILPROXY_HOME MAILPROXY_URL; do
        home_is_given "$name" && printf 'export %s=%q\n' "$name" "$(home_setting "$name")"
    done
    return 0
}

home_load() { # the settings of the system as it was last started
    H=$(home_directory)
    [ -f "$H/settings" ] || die "nothing was started in $H yet: ./dev up"
    # shellcheck source=/dev/null
    . "$H/settings"
}

# ---- commands ---------------------------------------------------------------------------------------------------

home_open() {
    H=$(home_directory)
    mkdir -p "$H/log" "$H/pid"
}

home_is_ready() { curl -fs -o /dev/null --max-time 5 "$MAILPROXY_URL/ready"; }

home_start_server() {
    local i
    home_pid server >/dev/null && return
    home_spawn server "$ROOT/build/server/mailproxy-server"
    for ((i = 0; i < 300; i++)); do
        home_pid server >/dev/null || home_fail server "the server did not start"
        home_is_ready && return
        sleep 0.1
    done
    home_fail server "the server is not ready after 30 s"
}

home_start_worker() { # name; a worker is up when it has a row of its own
    local i pid
    home_pid "$1" >/dev/null && return
    home_spawn "$1" "$ROOT/build/worker/mailproxy-worker"
    for ((i = 0; i < 300; i++)); do
        pid=$(home_pid "$1") || home_fail "$1" "$1 did not start"
        [ "$(psql -XAtq "$GMP_DATABASE_URL" -c \
            "SELECT count(*) FROM mailproxy.worker WHERE pid = $pid AND ended_at IS NULL")" = 0 ] || return 0
        sleep 0.1
    done
    home_fail "$1" "$1 is not at work after 30 s"
}

home_cmd_up() {
    local wanted="" base="" name n
    while [ $# -gt 0 ]; do
        case $1 in
        --workers) wanted=${2:-} && shift ;;
        --workers=*) wanted=${1#*=} ;;
        *) die "up: unknown argument $1" ;;
        esac
        shift || die "up: --workers needs a number"
    done
    [[ $wanted =~ ^[0-9]*$ ]] || die "up: --workers needs a number, not '$wanted'"
    home_open
    packages_ensure
    build_plain

    # One `up` at a time for a user: two homes that start together must not choose the same port.
    exec 8>"/tmp/mailproxy-up-$(id -u).lock"
    flock 8
    if home_pid server >/dev/null; then
        # shellcheck source=/dev/null
        . "$H/settings"
        home_is_given MAILPROXY_PG_BASE && home_pg_start "$MAILPROXY_PG_BASE"
    else
        if ! home_is_given GMP_DATABASE_URL; then
            base=$(home_pg_base)
            home_pg_start "$base"
        fi
        home_complete_settings "$(home_pg_url "$base")"
        ( # holds secrets
            umask 077
            rm -f "$H/settings"
            {
                home_print_exports
                [ -z "$base" ] || printf 'MAILPROXY_PG_BASE=%q\n' "$base"
            } >"$H/settings"
        )
        # psql reads the setting here too, wherever it came from.
        GMP_DATABASE_URL=$(home_setting GMP_DATABASE_URL)
        "$ROOT/build/server/mailproxy-server" migrate >>"$H/log/migrate.log" 2>&1 8>&- ||
            home_fail migrate "the migration failed"
    fi
    home_start_server
    exec 8>&-

    if [ -z "$wanted" ]; then
        wanted=1
        for name in $(home_workers); do
            n=${name#worker-}
            home_pid "$name" >/dev/null && [ "$n" -gt "$wanted" ] && wanted=$n
        done
    fi
    for name in $(home_workers); do
        [ "${name#worker-}" -le "$wanted" ] || home_stop "$name"
    done
    for ((n = 1; n <= wanted; n++)); do home_start_worker "worker-$n"; done
    say "mailproxy is up: $wanted worker(s), home $H"
    say "$(home_page_line)"
    echo "$MAILPROXY_URL"
}

home_cmd_down() {
    local name
    home_open
    for name in $(home_workers); do home_stop "$name"; done
    home_stop server
    MAILPROXY_PG_BASE=
    # shellcheck source=/dev/null
    [ ! -f "$H/settings" ] || . "$H/settings"
    if [ -n "${MAILPROXY_PG_BASE:-}" ] && home_pg_running "$MAILPROXY_PG_BASE"; then
        home_as_pg "$(home_pg_program pg_ctl)" -D "$MAILPROXY_PG_BASE/pg" -m fast -w -s stop
    fi
    say "mailproxy is down, home $H"
}

home_cmd_reset() {
    home_cmd_down
    case ${MAILPROXY_PG_BASE:-} in
    /var/tmp/mailproxy-*) rm -rf -- "$MAILPROXY_PG_BASE" ;;
    esac
    local part
    for part in pg sock log pid mail port settings encryption_key; do rm -rf -- "${H:?}/$part"; done
    rmdir -- "$H" 2>/dev/null || true
}

home_cmd_status() {
    local name pid
    home_load
    for name in server $(home_workers); do
        if pid=$(home_pid "$name"); then echo "$name: running, pid $pid"; else echo "$name: not running"; fi
    done
    if [ -n "${MAILPROXY_PG_BASE:-}" ]; then
        home_pg_running "$MAILPROXY_PG_BASE" && echo "postgres: running, $MAILPROXY_PG_BASE/pg" || echo "postgres: not running"
    fi
    home_is_ready && echo "ready: yes, $MAILPROXY_URL" || echo "ready: no, $MAILPROXY_URL"
    home_page_line
    psql -Xq "$GMP_DATABASE_URL" -c "SELECT state, count(*) AS messages, min(due_at)::timestamptz(0) AS oldest_due
                                       FROM mailproxy.queue GROUP BY state ORDER BY state" \
        -c "SELECT state, count(*) AS messages FROM mailproxy.message GROUP BY state ORDER BY state" 2>/dev/null || true
    home_pid server >/dev/null && home_is_ready
}

home_cmd_psql() {
    home_load
    exec psql "$GMP_DATABASE_URL" "$@"
}

home_cmd_logs() {
    local follow=() files=() name
    home_load
    if [ "${1:-}" = -f ]; then
        follow=(-F)
        shift
    fi
    if [ $# -eq 0 ]; then
        files=("$H"/log/*.log)
    else
        for name in "$@"; do
            if [ "$name" = postgres ]; then files+=("${MAILPROXY_PG_BASE:-$H}/pg/log"); else files+=("$H/log/$name.log"); fi
        done
    fi
    exec tail -n 50 "${follow[@]}" "${files[@]}"
}

home_cmd_env() {
    H=$(home_directory)
    if home_pid server >/dev/null && [ -f "$H/settings" ]; then
        # shellcheck source=/dev/null
        . "$H/settings"
        grep '^export ' "$H/settings"
    else
        home_complete_settings "$(home_pg_url "$(home_pg_base)")"
        home_print_exports
    fi
    echo "# $(home_page_line)"
}
