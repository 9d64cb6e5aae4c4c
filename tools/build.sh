# build.sh - compile, check and format the code.
# shellcheck shell=bash

JOBS=${JOBS:-$(nproc)}

build_meson() { # directory, what to build ("all": everything), then options of meson setup
    local dir=$1 target=$2
    shift 2
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" "$ROOT" "$@" >"$dir.setup.log" 2>&1 || {
            cat "$dir.setup.log" >&2
            die "meson setup failed"
        }
        rm -f "$dir.setup.log"
    fi
    ninja -C "$dir" -j "$JOBS" --quiet "$target" 2>&1 | { grep -v '^ninja: no work to do' || true; } >&2 || die "the build in $dir failed"
}

build_plain() { build_meson "$ROOT/build" all --buildtype=debugoptimized; }

build_sanitized() {
    build_meson "$ROOT/build-asan" all --buildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false
}

build_cmd_build() {
    packages_ensure
    case ${1:-} in
    "") build_plain ;;
    --sanitize) build_sanitized ;;
    *) die "build: unknown argument $1" ;;
    esac
}

build_c_files() { (cd "$ROOT" && find common server worker tests -name '*.[ch]' -not -path '*/build*' | sort); }

build_cmd_fmt() {
    packages_ensure
    (cd "$ROOT" && build_c_files | xargs clang-format -i)
}

# Lint steps: name, command. Each counts as one test.
LINT_STEPS=(format rooms shell python tidy)

build_lint_format() { (cd "$ROOT" && build_c_files | xargs clang-format --dry-run -Werror); }
build_lint_rooms() { /usr/bin/python3 "$ROOT/tests/lint_rooms.py" "$ROOT"; }
build_lint_shell() { (cd "$ROOT" && shellcheck -x dev tools/*.sh deploy/docker/*.sh deploy/debian/mailproxy.p* .ci/run); }
build_lint_python() { (cd "$ROOT" && find sql docs tests tools -name '*.py' -print0 | xargs -0 pyflakes3); }
build_lint_tidy() {
    build_plain
    (cd "$ROOT" && find common server worker -name '*.c' | sort |
        xargs -P "$JOBS" -n 4 clang-tidy --quiet -p build --warnings-as-errors='*') 2>&1 |
        { grep -vE '^[0-9]* ?warnings? (generated|treated)|^Suppressed |^Use -header-filter|^[0-9]*$' || true; } | # two at once cut each other's counts in two
        { ! grep . ; }
}

build_cmd_lint() { # [step...]
    local step failed=0
    packages_ensure
    [ $# -gt 0 ] || set -- "${LINT_STEPS[@]}"
    for step in "$@"; do
        declare -F "build_lint_$step" >/dev/null || die "lint: no step '$step', but: ${LINT_STEPS[*]}"
        if "build_lint_$step"; then say "ok   lint $step"; else
            say "FAIL lint $step"
            failed=1
        fi
    done
    return $failed
}

# Fuzz targets need clang; they are built beside the other builds. Each runs over its corpus (tests/fuzz/corpus/NAME) and what was
# found before (build-fuzz/found/NAME), then onwards from there.
build_cmd_fuzz() { # [target [seconds]]
    local seconds=${2:-60} target name ran=0 failed=()
    packages_ensure
    CC=clang build_meson "$ROOT/build-fuzz" fuzz --buildtype=debug -Doptimization=1 -Dfuzz=true -Db_lundef=false \
        -Db_sanitize=address,undefined
    for target in "$ROOT"/build-fuzz/tests/fuzz/fuzz_${1:-*}; do
        if [ ! -f "$target" ] || [ ! -x "$target" ]; then continue; fi
        name=${target##*/fuzz_}
        build_fuzz_one "$target" "$name" "$seconds" || failed+=("$name")
        ran=$((ran + 1))
    done
    [ "$ran" -gt 0 ] || die "fuzz: no target '${1:-}'"
    [ ${#failed[@]} -eq 0 ] || die "fuzz: found something: ${failed[*]}"
}

build_fuzz_one() { # program, name, seconds
    local log=$ROOT/build-fuzz/$2.log pid waited=0
    mkdir -p "$ROOT/build-fuzz/found/$2"
    say "fuzz $2: $3 s"
    (cd "$ROOT/build-fuzz" && exec "$1" -max_total_time="$3" -timeout=10 -artifact_prefix="found/$2-" "found/$2" \
        "$ROOT/tests/fuzz/corpus/$2") >"$log" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 1
        waited=$((waited + 1))
        [ $((waited % 15)) -ne 0 ] || say "fuzz $2: $waited s: $(build_fuzz_progress "$log")"
    done
    if wait "$pid"; then
        say "fuzz $2: nothing found, $(build_fuzz_progress "$log")"
        return 0
    fi
    tail -n 40 "$log" >&2
    say "fuzz $2: FOUND SOMETHING. The whole report: build-fuzz/$2.log. To see it again:"
    say "    cd build-fuzz && tests/fuzz/fuzz_$2 $(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)"
    say "    Once it is mended, keep that file as tests/fuzz/corpus/$2/<what it is>."
    return 1
}

build_fuzz_progress() { # log -> "#12345 cov: 345 ... exec/s: 678"
    grep -a '^#[0-9]' "$1" | tail -n 1 | sed -E 's/\t/ /g; s/^(#[0-9]+) +[^ ]+ +/\1 /; s/ (lim|rss|L|MS):.*//'
}

build_cmd_schema() {
    packages_ensure
    build_plain
    (cd "$ROOT" && PYTHONPATH=tests /usr/bin/python3 tests/support/schema.py sql/schema.sql)
}
