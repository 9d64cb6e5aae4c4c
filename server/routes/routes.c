/*
 * routes.c - the table. See routes.h.
 */
#include "server/routes/routes.h"

#include <stddef.h>

const struct route routes[] = {
    {"GET", "/health", AUTH_PUBLIC, ROUTE_NO_BODY, status_health},
    {"GET", "/ready", AUTH_PUBLIC, ROUTE_NO_BODY, status_ready},
    {"GET", "/status", AUTH_TOKEN, ROUTE_NO_BODY, status_get},

    {"POST", "/tenant", AUTH_ADMIN, ROUTE_JSON, registration_post},
    {"GET", "/tenants", AUTH_ADMIN, ROUTE_NO_BODY, tenants_list},
    {"GET", "/tenant/{tenant_id}", AUTH_TENANT, ROUTE_NO_BODY, tenants_get},
    {"PUT", "/tenant/{tenant_id}", AUTH_TENANT, ROUTE_JSON, registration_put},
    {"DELETE", "/tenant/{tenant_id}", AUTH_ADMIN, ROUTE_NO_BODY, tenants_delete},
    {"POST", "/tenant/{tenant_id}/api-key", AUTH_ADMIN, ROUTE_JSON, tenants_make_key},
    {"DELETE", "/tenant/{tenant_id}/api-key", AUTH_ADMIN, ROUTE_NO_BODY, tenants_drop_key},

    {"POST", "/account", AUTH_TENANT, ROUTE_JSON, accounts_post},
    {"GET", "/accounts", AUTH_TENANT, ROUTE_NO_BODY, accounts_list},
    {"DELETE", "/account/{account_id}", AUTH_TENANT, ROUTE_NO_BODY, accounts_delete},

    {"POST", "/commands/add-messages", AUTH_TENANT, ROUTE_JSON, messages_add},
    {"POST", "/commands/delete-messages", AUTH_TENANT, ROUTE_JSON, messages_delete},
    {"GET", "/messages", AUTH_TENANT, ROUTE_NO_BODY, listing_get},
    {"POST", "/commands/run-now", AUTH_TENANT, ROUTE_ANY_BODY, control_run_now},
    {NULL, NULL, AUTH_PUBLIC, ROUTE_NO_BODY, NULL},
};
