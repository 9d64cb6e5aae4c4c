/*
 * caller.c - a tenant by its token. See caller.h.
 */
#include "server/http/caller.h"

#include <stdlib.h>
#include <string.h>

#include "common/db_array.h"
#include "common/token.h"
#include "sql/statements.h"

struct caller_job {
    unsigned char hash[TOKEN_HASH_OCTETS];
    char *tenant_id; /* owned */
};

enum err caller_find_jobs(struct db_conn *db, void *const jobs[], size_t count, bool alone,
                          struct error *err)
{
    struct db_array hashes = db_array_of(DB_BYTEA);
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc;

    (void)alone; /* it waits for no lock */
    for (size_t i = 0; i < count; i++)
        db_array_octets(&hashes, ((const struct caller_job *)jobs[i])->hash, TOKEN_HASH_OCTETS);
    rc = db_array_check(&hashes, err);
    db_param_array(&params, &hashes);
    if (!rc)
        rc = db_run(db, &SQL_FIND_TENANTS_BY_KEY, &params, &res, err);
    for (int row = 0; !rc && row < PQntuples(res); row++) {
        struct caller_job *job = jobs[db_int(res, row, 0) - 1];

        job->tenant_id = strdup(db_str(res, row, 1));
        if (!job->tenant_id)
            rc = error_set(err, ERR_NOMEM, "out of memory for the caller");
    }
    PQclear(res);
    db_array_clear(&hashes);
    return rc;
}

enum err caller_find(struct gather *callers, const char *token, char **ret, struct error *err)
{
    struct caller_job job = {.tenant_id = NULL};
    enum err rc = token_hash(token, job.hash, err);

    if (!rc)
        rc = gather_run(callers, &job, true, err);
    if (rc)
        free(job.tenant_id);
    else
        *ret = job.tenant_id;
    return rc;
}
