-- single.lua - wrk's requests: add-messages, one message each, every id once.
-- Arguments: a file with the request's body, in which @ID@ stands for the id; the token; what ids begin with.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    local file = assert(io.open(args[1]))
    local body = file:read("*a")
    file:close()
    local at, ending = body:find("@ID@", 1, true)
    before, after = body:sub(1, at - 1) .. args[3] .. "-" .. number .. "-", body:sub(ending + 1)
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["X-API-Token"] = args[2]
    sent = 0
end

function request()
    sent = sent + 1
    return wrk.format(nil, nil, nil, before .. sent .. after)
end
