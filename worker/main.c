/*
 * main.c - mailproxy-worker: sends what is queued. Commands, settings, and the checks before the
 * start.
 */
#include <curl/curl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "common/db.h"
#include "common/db_target.h"
#include "common/log.h"
#include "common/migrate.h"
#include "common/open_files.h"
#include "common/planner.h"
#include "common/time_zone.h"
#include "worker/loop.h"

enum { MAIN_LARGE_OCTETS = 1024 * 1024 };

static const char main_help[] =
    "usage: mailproxy-worker [command]\n"
    "\n"
    "Claims queued messages, sends them through their accounts' relays, and reports to the "
    "tenants. Any number of\n"
    "workers on any number of hosts may share one database.\n"
    "\n"
    "  (no command)   run until SIGTERM, which finishes what is under way\n"
    "  check-config   print the effective settings, secrets masked\n"
    "  --version      print the version\n"
    "  --help         print this\n"
    "\n"
    "Settings come from the environment, GMP_*; mailproxy-server settings lists them all.\n";

static enum err main_check_database(const struct config *config, struct error *err)
{
    struct db_conn *conn = NULL;
    enum err rc = db_open(db_target_pooled(config), "mailproxy-worker start", &conn, err);

    if (!rc)
        rc = migrate_check(conn, err);
    if (!rc)
        rc = time_zone_check(conn, config->timezone, err);
    if (!rc)
        planner_check(conn, "start");
    db_close(conn);
    if (rc == ERR_DB_GONE) {
        struct error cause = *err;

        error_set(err, rc, "%s; check GMP_DATABASE_URL, and that PostgreSQL is running",
                  cause.text);
    }
    return rc;
}

/* What is large goes back to the kernel when it is freed. By itself malloc takes the largest mail
 * so far for usual, and keeps twice as much. */
static void main_keep_little(void)
{
    mallopt(M_MMAP_THRESHOLD, MAIN_LARGE_OCTETS);
    mallopt(M_TRIM_THRESHOLD, 4 * MAIN_LARGE_OCTETS);
}

static enum err main_run(const struct config *config, struct error *err)
{
    enum err rc = main_check_database(config, err);

    if (rc)
        return rc;
    signal(SIGPIPE, SIG_IGN);
    main_keep_little();
    open_files_raise();
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return error_set(err, ERR_NOMEM, "libcurl could not be initialised");
    rc = loop_run(config, err);
    curl_global_cleanup();
    return rc;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : NULL;
    struct config *config = NULL;
    struct error err;
    enum err rc;

    if (argc > 2) {
        fprintf(stderr, "mailproxy-worker: one command at most, not also '%s'; see --help\n",
                argv[2]);
        return 2;
    }
    if (command && strcmp(command, "check-config") && strcmp(command, "--version") &&
        strcmp(command, "--help")) {
        fprintf(stderr, "mailproxy-worker: unknown command '%s'; see --help\n", command);
        return 2;
    }
    if (command && !strcmp(command, "--help")) {
        fputs(main_help, stdout);
        return 0;
    }
    if (command && !strcmp(command, "--version")) {
        puts("mailproxy-worker " MAILPROXY_VERSION);
        return 0;
    }
    rc = config_load(&config, &err);
    if (!rc)
        log_set_level(config->log_level);
    if (!rc && command)
        config_print(config, stdout);
    else if (!rc)
        rc = main_run(config, &err);
    if (rc)
        log_error(LOG_ERROR, "start", "failed", &err);
    config_free(config);
    return rc ? 1 : 0;
}
