"""No secret and no message's content is left where it may be read: every state-changing request, then the whole database and the logs."""

import base64
import re
import subprocess

from support.described import operations
from support.programs import ADMIN_TOKEN, message

# Each is a word of its own, so that what is found says where it came from. `content` ones are stored once, to be sent.
WORDS = ["basicword", "bearerword", "reportword", "smtpword", "imapword", "instanceword", "bounceword", "attachmentword", "keyword",
         "userinfoword", "queryword", "strangeword", "maskedword"]
CONTENT = ["bodyword", "headerword", "contentword", "base64word"]


def secret(word):
    return f"the-{word}-of-the-test"


def encoded(word):
    return base64.b64encode(secret(word).encode() * 3).decode()


def full_message(message_id, **fields):
    return message(
        message_id, body=secret("bodyword"), headers={"X-Token": secret("headerword")}, strange=secret("strangeword"),
        attachments=[
            {"filename": "a.txt", "content": encoded("contentword")},
            {"filename": "b.txt", "storage_path": "base64:" + encoded("base64word")},
            {"filename": "c.txt", "storage_path": "home:c.txt",
             "auth": {"method": "basic", "user": "u", "password": secret("attachmentword")}},
        ], **fields)


def requests(client):
    """(method, path, body, query) of every route that changes something, and some refused."""
    tenant = {"id": "acme", "client_base_url": "http://127.0.0.1:9", "report_secret": secret("reportword"),
              "client_auth": {"method": "basic", "user": "u", "password": secret("basicword"), "token": secret("bearerword")}}
    account = {"id": "main", "tenant_id": "acme", "host": "127.0.0.1", "port": 9, "user": "u", "password": secret("smtpword"),
               "imap_password": secret("imapword"), "strange": secret("strangeword"), "use_tls": True,
               "tls_client_cert": client["tls_client_cert"], "tls_client_key": secret("keyword") + "\n" + client["tls_client_key"]}
    instance = {"api_token": secret("instanceword"), "bounce_imap_password": secret("bounceword")}
    yield "POST", "/tenant", tenant, {}
    yield "PUT", "/tenant/acme", {**tenant, "id": None}, {"strange": secret("strangeword")}
    yield "PUT", "/tenant/acme", {"client_auth": {"password": secret("maskedword"), "token": "***", "none": "***"}}, {}  # 400
    yield "POST", "/tenant/acme/api-key", {"strange": secret("strangeword")}, {}
    yield "POST", "/account", account, {}
    yield "POST", "/commands/add-messages", {"messages": [full_message("m1"), full_message("m2")]}, {"tenant_id": "acme"}
    yield "POST", "/commands/add-messages", {"messages": [full_message("m3", account="none")]}, {"tenant_id": "acme"}  # 400
    yield "POST", "/commands/add-messages", {"messages": [secret("bodyword"), {"body": {"a": secret("bodyword")}}]}, {}
    yield "POST", "/commands/delete-messages", {"ids": ["m2"], "strange": secret("strangeword")}, {"tenant_id": "acme"}
    yield "PUT", "/instance", instance, {}
    yield "POST", "/instance/reload-bounce", None, {}
    yield "POST", "/commands/run-now", {"strange": secret("strangeword")}, {"tenant_id": "acme"}
    yield "DELETE", "/account/nope", None, {"tenant_id": "acme"}  # 400
    yield "DELETE", "/account/main", None, {"tenant_id": "acme", "strange": secret("strangeword")}
    yield "DELETE", "/tenant/acme/api-key", None, {}
    yield "DELETE", "/tenant/acme", None, {}


# Their bodies hold nothing secret: what they change is shown to everybody who may ask.
WITHOUT_SECRETS = {"POST /commands/suspend", "POST /commands/activate", "POST /commands/cleanup-messages", "POST /commands/requeue", "POST /commands/rules",
                   "PATCH /commands/rules/{rule_id}", "DELETE /commands/rules/{rule_id}", "POST /commands/rules/preview"}


def assert_nowhere(words, text, where):
    for word in words:
        for form in (secret(word), encoded(word)[:24]):
            at = text.find(form)
            assert at < 0, f"{word} is in {where}: ...{text[max(0, at - 200):at + 100]}"


def dump(system, *options):
    """The whole database as text, octets as they are."""
    done = subprocess.run(["pg_dump", "--data-only", "--schema=mailproxy", *options, system.database_url], check=True,
                          capture_output=True, text=True)
    return re.sub(r"\\\\x((?:[0-9a-f]{2})+)", lambda m: bytes.fromhex(m[1]).decode("latin-1"), done.stdout)


def test_no_secret_is_in_the_database_or_the_logs(new_system, authority):
    system = new_system(workers=1)
    client = authority.client("secret")
    asked, keys = set(), []
    for method, path, body, query in requests(client):
        answer = system.api.request(method, path, body=body, query=query)
        assert answer.status in (200, 400), answer
        if answer.status == 200 and "api_key" in answer.json:
            keys.append(answer.json["api_key"])
        assert_nowhere(WORDS, answer.body.decode(), f"the answer to {method} {path}")
        asked.add((method, path.split("?")[0].replace("acme", "{tenant_id}").replace("main", "{account_id}")))
        if path == "/commands/delete-messages":
            # What is to be sent is stored; all the rest of the database may not know it.
            assert_nowhere(WORDS, dump(system), "the database")
            assert client["tls_client_key"].splitlines()[1] not in dump(system)
            log = dump(system, "--table=mailproxy.command_log")
            assert_nowhere(CONTENT, log, "the command log")
            assert "m1" in log and "X-Token" in log
    changing = {(m, t) for m, _, t, _ in operations() if m != "GET" and f"{m} {t}" not in WITHOUT_SECRETS}
    assert changing <= asked, f"not asked: {changing - asked}"
    assert len(keys) == 2
    text = dump(system)
    assert_nowhere(WORDS, text, "the database")
    assert "addMessages" in text and "updateInstance" in text
    logs = "".join(program.log() for program in system.programs)
    assert_nowhere(WORDS + CONTENT, logs, "the logs")
    for key in [*keys, ADMIN_TOKEN]:
        assert key not in text and key not in logs


def test_urls_with_secrets_are_stripped_in_the_command_log(served):
    base = f"http://u:{secret('userinfoword')}@127.0.0.1:9/a?token={secret('queryword')}#x"
    answer = served.api.post("/tenant", {"id": "urls", "client_base_url": base, "client_sync_path": f"/s?k={secret('queryword')}"})
    assert answer.status == 200
    command, = served.api.get("/command-log", tenant_id="urls").json["commands"]
    assert command["payload"]["client_base_url"] == "http://***@127.0.0.1:9/a?***"
    assert command["payload"]["client_sync_path"] == "/s?***"
