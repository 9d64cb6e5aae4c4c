/*
 * openapi.h - describe a route table as an OpenAPI 3.1 document (spec.openapis.org), so that the
 * description cannot differ from what is routed and checked.
 */
#ifndef SERVER_HTTP_OPENAPI_H
#define SERVER_HTTP_OPENAPI_H

#include "server/http/router.h"

/* Append the document, JSON. `routes` ends with an entry without a path. */
void openapi_append(struct buf *out, const struct route *routes);

#endif
