/*
 * main.c - mailproxy-server: serve the API, or one of the chores around it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/db.h"
#include "common/db_target.h"
#include "common/log.h"
#include "common/migrate.h"
#include "common/open_files.h"
#include "common/secret.h"
#include "server/http/openapi.h"
#include "server/routes/routes.h"
#include "server/serve.h"

static const char main_usage[] =
    "usage: mailproxy-server [command]\n"
    "\n"
    "  (none)        serve the HTTP API until SIGTERM or SIGINT\n"
    "  migrate       bring the database's schema up to date\n"
    "  print-roles   print the SQL with which a superuser makes the roles of GMP_ROLE_PREFIX, for "
    "psql\n"
    "  check-config  print the effective settings, secrets masked, or say which one is wrong\n"
    "  settings      print every setting: NAME|kind|default|min|max|help\n"
    "  openapi       print the description of the API, as GET /openapi.json gives it\n"
    "  --help        this text\n"
    "  --version     the version\n"
    "\n"
    "Settings come from the environment (GMP_*); see docs/config.md.\n";

static enum err main_serve(const struct config *config, struct error *err)
{
    open_files_raise();
    return serve_run(config, err);
}

static enum err main_migrate(const struct config *config, struct error *err)
{
    struct db_conn *db = NULL;
    struct migrate_done done = {0};
    enum err rc = db_open(db_target_direct(config), "mailproxy-server migrate", &db, err);

    if (!rc)
        rc = migrate_up(db, config->role_prefix, &done, err);
    if (!rc)
        printf("schema version %d; applied: %d migrations, %d functions and views%s\n",
               migrate_latest(), done.migrations, done.objects,
               done.granted ? ", the grants to roles" : "");
    if (!rc && *done.missing)
        fprintf(stderr,
                "mailproxy-server: this login may not create the roles %s. They are wanted where "
                "programs or people are to log in with less than the owner's rights: a superuser "
                "creates them with `mailproxy-server print-roles | psql DATABASE`; then migrate "
                "again. GMP_ROLE_PREFIX=none: they are not wanted.\n",
                done.missing);
    db_close(db);
    return rc;
}

static enum err main_print_roles(const struct config *config, struct error *err)
{
    return migrate_print_roles(config->role_prefix, stdout, err);
}

static enum err main_check_config(const struct config *config, struct error *err)
{
    struct secret_ring *keys = NULL;
    enum err rc = secret_ring_new(config->encryption_key, &keys, err);

    if (!rc)
        config_print(config, stdout);
    secret_ring_free(keys);
    return rc;
}

static const struct {
    const char *name;
    enum err (*run)(const struct config *config, struct error *err);
} main_commands[] = {
    {"", main_serve},
    {"migrate", main_migrate},
    {"print-roles", main_print_roles},
    {"check-config", main_check_config},
};

/* What an operator can do about it, where the text does not say so itself. */
static const char *main_remedy(enum err rc)
{
    if (rc == ERR_DB_GONE)
        return "check GMP_DATABASE_URL, and that PostgreSQL is running";
    if (rc == ERR_IO)
        return "stop what uses the port, or set GMP_PORT";
    return NULL;
}

static int main_run(const char *command)
{
    struct config *config = NULL;
    struct error err = {0};
    enum err rc = config_load(&config, &err);
    size_t i = 0;

    while (i < sizeof(main_commands) / sizeof(main_commands[0]) &&
           strcmp(command, main_commands[i].name) != 0)
        i++;
    if (i == sizeof(main_commands) / sizeof(main_commands[0])) {
        fprintf(stderr, "mailproxy-server: unknown command %s\n\n%s", command, main_usage);
        config_free(config);
        return 2;
    }
    if (!rc) {
        log_set_level(config->log_level);
        rc = main_commands[i].run(config, &err);
    }
    config_free(config);
    if (!rc)
        return EXIT_SUCCESS;
    fprintf(stderr, "mailproxy-server: %s\n", err.text);
    if (main_remedy(rc))
        fprintf(stderr, "mailproxy-server: %s\n", main_remedy(rc));
    return EXIT_FAILURE;
}

static int main_describe(void)
{
    struct buf out = BUF_INIT(REPLY_BODY_CAP_OCTETS);
    int status = EXIT_FAILURE;

    openapi_append(&out, routes);
    if (!out.failed && puts(out.data) >= 0)
        status = EXIT_SUCCESS;
    buf_clear(&out);
    return status;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (argc > 2) {
        fprintf(stderr, "%s", main_usage);
        return 2;
    }
    if (!strcmp(command, "--help")) {
        printf("%s", main_usage);
        return EXIT_SUCCESS;
    }
    if (!strcmp(command, "--version")) {
        printf("mailproxy-server %s\n", MAILPROXY_VERSION);
        return EXIT_SUCCESS;
    }
    if (!strcmp(command, "settings")) {
        config_print_table(stdout);
        return EXIT_SUCCESS;
    }
    if (!strcmp(command, "openapi"))
        return main_describe();
    return main_run(command);
}
