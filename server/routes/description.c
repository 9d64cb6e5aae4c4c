/*
 * description.c - GET /openapi.json.
 */
#include "server/http/openapi.h"
#include "server/routes/routes.h"

void description_get(struct request *req, struct reply *reply)
{
    (void)req;
    openapi_append(reply_json(reply, 200), routes);
}
