"""Attachments that do not come with the message: from the tenant's endpoint, from a URL, from a folder."""

import email
import json
import threading

import pytest
from support.programs import message
from support.waiting import wait_for


@pytest.fixture
def start(new_tenant, relay, new_store):
    def begin(**settings):
        store = new_store(user="mailproxy", password="pw")
        api = new_tenant(relay, store, retry_delays=[0, 0], **settings)
        api.store = store
        return api

    return begin


def attached(relay):
    """name -> octets of the one mail that arrived."""
    mail = email.message_from_bytes(relay.mails[0].octets)
    return {p.get_filename(): p.get_payload(decode=True) for p in mail.walk() if p.get_filename()}


def endpoint(path="home:emails/f.pdf", name="f.pdf", **more):
    return {"filename": name, "storage_path": path, "fetch_mode": "endpoint", **more}


def test_from_the_tenants_endpoint(start, relay):
    api = start()
    octets = bytes(range(256)) * 1000
    api.store.files["home:emails/f.pdf"] = octets
    api.enqueue(message("m1", attachments=[endpoint()]))
    api.wait_state("sent", "m1")
    assert attached(relay) == {"f.pdf": octets}
    path, headers, body = api.store.fetches[0]
    assert path == "/proxy_get_attachments"
    assert json.loads(body) == {"storage_path": "home:emails/f.pdf"}
    assert headers["Authorization"].startswith("Basic ")
    assert headers["Content-Type"] == "application/json"


def test_many_attachments_keep_their_order(start, relay):
    api = start()
    names = [f"file{i}.txt" for i in range(12)]
    for name in names:
        api.store.files["d:" + name] = name.encode() * 10
    api.enqueue(message("m1", attachments=[endpoint("d:" + n, n) for n in names]))
    api.wait_state("sent", "m1")
    assert list(attached(relay)) == names


def test_s3_is_fetched_through_the_endpoint(start, relay):
    api = start()
    api.store.files["s3://bucket/dir/report.pdf"] = b"%PDF"
    api.enqueue(message("m1", attachments=[{"s3": {"bucket": "bucket", "key": "dir/report.pdf"}}]))
    api.wait_state("sent", "m1")
    assert attached(relay) == {"report.pdf": b"%PDF"}


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_4xx_is_an_error_at_once(start, relay, status):
    api = start()
    api.store.files["home:emails/f.pdf"] = (status, b"no")
    api.enqueue(message("m1", attachments=[endpoint()]), message("m2"))
    api.wait_state("error", "m1")
    api.wait_state("sent", "m2")
    error = api.message("m1")["error"]
    assert error.startswith("Attachment fetch failed for f.pdf: ")
    assert str(status) in error
    assert len(api.store.fetches) == 1
    entry = wait_for(lambda: api.store.entries("m1"), "the report")[-1]
    assert entry["error"] == error


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_5xx_is_tried_again(start, relay, status):
    api = start()
    answers = [(status, b"busy"), (200, b"octets")]
    api.store.files["home:emails/f.pdf"] = lambda: answers.pop(0)
    api.enqueue(message("m1", attachments=[endpoint()]))
    api.wait_state("sent", "m1")
    assert attached(relay) == {"f.pdf": b"octets"}


def test_a_5xx_that_stays_is_an_error_with_the_same_beginning(start, relay):
    api = start()
    api.store.files["home:emails/f.pdf"] = (503, b"busy")
    api.enqueue(message("m1", attachments=[endpoint()]))
    api.wait_state("error", "m1")
    assert api.message("m1")["error"].startswith("Attachment fetch failed for f.pdf: ")
    assert len(api.store.fetches) == 3


def test_a_slow_endpoint_times_out_and_holds_up_nobody(start, relay):
    api = start(GMP_ATTACHMENT_TIMEOUT=1)
    gate = threading.Event()
    api.store.files["home:emails/f.pdf"] = lambda: (gate.wait(60), b"late")[1]
    api.enqueue(message("m1", attachments=[endpoint()]))
    wait_for(lambda: api.store.fetches, "the fetch")
    api.enqueue(message("m2"))
    api.wait_state("sent", "m2")
    api.wait_state("error", "m1", timeout=30)
    gate.set()
    assert api.message("m1")["error"] == "Attachment fetch failed for f.pdf: fetch timed out"
    assert len(api.store.fetches) == 3, "on the message's schedule"


def test_a_store_that_hangs_keeps_no_other_tenants_attachments_waiting(new_system, new_store, relay):
    system = new_system(workers=1)
    slow, quick = new_store(), new_store()
    gate = threading.Event()
    slow.files["f"] = lambda: (gate.wait(60), b"late")[1]
    quick.files["f"] = b"content"
    for tenant, store in (("slow", slow), ("quick", quick)):
        api = system.add_tenant(tenant, store=store)
        system.add_account(api, relay)
        if tenant == "slow":
            api.enqueue(*[message(f"s{i}", attachments=[endpoint("f")]) for i in range(40)])
            wait_for(lambda: len(slow.fetches) == 10, "all that one tenant may have")
        else:
            api.enqueue(*[message(f"q{i}", attachments=[endpoint("f")]) for i in range(20)])
            system.wait_state("sent", *[f"q{i}" for i in range(20)], tenant="quick")
    assert len(slow.fetches) == 10
    gate.set()
    system.wait_state("sent", *[f"s{i}" for i in range(40)], tenant="slow")


def test_fetched_attachments_are_held_within_the_workers_memory(new_system, new_store, relay):
    """Slow to send, quick to fetch: what is fetched must not pile up."""
    system = new_system(workers=1, GMP_WORKER_MEMORY_BYTES=2**20, GMP_MAX_ATTACHMENT_BYTES=2**20)
    store, gate = new_store(), threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and None)
    store.files["f"] = b"x" * 900_000
    api = system.add_tenant(store=store)
    system.add_account(api, relay)
    api.enqueue(*[message(f"m{i}", attachments=[endpoint("f")]) for i in range(40)])
    wait_for(lambda: relay.count("dot") >= 1, "the first to be out")
    api.enqueue(message("small"))
    wait_for(lambda: system.value("SELECT count(*) FROM mailproxy.queue WHERE state = 'leased'") == 41, "all to be claimed")
    assert len(store.fetches) <= 10
    gate.set()
    system.wait_all_final()
    assert sorted(relay.ids()) == sorted([*(f"m{i}" for i in range(40)), "small"])


def test_an_empty_file_or_one_that_is_too_large(start, relay):
    api = start(GMP_MAX_ATTACHMENT_BYTES=10000)
    api.store.files.update({"d:empty": b"", "d:big": b"x" * 10001})
    api.enqueue(message("empty", attachments=[endpoint("d:empty", "empty.txt")]),
                message("big", attachments=[endpoint("d:big", "big.bin")]))
    api.wait_all_final()
    for message_id, name in (("empty", "empty.txt"), ("big", "big.bin")):
        shown = api.message(message_id)
        assert shown["status"] == "error"
        assert shown["error"].startswith(f"Attachment fetch failed for {name}: ")


def test_http_urls_to_private_addresses_are_refused(start, relay):
    api = start()
    api.store.files["/secret.txt"] = b"secret"
    for n, host in enumerate(("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0.0.0.0")):
        api.enqueue(message(f"m{n}", attachments=[{"filename": "x.txt", "url": f"http://{host}:{api.store.port}/secret.txt"}]))
    api.wait_all_final()
    for shown in api.messages():
        assert shown["status"] == "error"
        assert shown["error"].startswith("Attachment fetch failed for x.txt: ")
    assert api.store.fetches == []


def test_http_urls_get_the_clients_credentials_on_its_own_origin_only(start, relay, new_store):
    api = start(GMP_ALLOW_PRIVATE_HOSTS="127.0.0.0/8")
    foreign = new_store()
    api.store.files["/own.txt"], foreign.files["/foreign.txt"] = b"own", b"foreign"
    api.enqueue(message("m1", attachments=[
        {"url": f"{api.store.url}/own.txt"}, {"url": f"{foreign.url}/foreign.txt"},
        {"filename": "auth.txt", "storage_path": f"{foreign.url}/foreign.txt", "auth": {"method": "bearer", "token": "t"}}]))
    api.wait_state("sent", "m1")
    assert attached(relay) == {"own.txt": b"own", "foreign.txt": b"foreign", "auth.txt": b"foreign"}
    assert api.store.fetches[0][1].get("Authorization", "").startswith("Basic ")
    assert sorted(h.get("Authorization", "") for _, h, _ in foreign.fetches) == ["", "Bearer t"]


def test_files_only_below_the_folder_that_is_set(start, relay, tmp_path):
    base = tmp_path / "base"
    (base / "sub").mkdir(parents=True)
    (base / "sub" / "ok.txt").write_bytes(b"fine")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (base / "link.txt").symlink_to(tmp_path / "secret.txt")
    api = start(GMP_ATTACHMENT_BASE_DIR=base)

    def file(path):
        return [{"filename": "x.txt", "storage_path": str(path), "fetch_mode": "filesystem"}]

    api.enqueue(message("ok", attachments=file(base / "sub" / "ok.txt")),
                message("up", attachments=file(f"{base}/sub/../../secret.txt")),
                message("out", attachments=file(tmp_path / "secret.txt")),
                message("link", attachments=file(base / "link.txt")),
                message("dir", attachments=file(base / "sub")),
                message("none", attachments=file(base / "none.txt")))
    api.wait_all_final()
    assert {m["id"]: m["status"] for m in api.messages()} == {
        "ok": "sent", "up": "error", "out": "error", "link": "error", "dir": "error", "none": "error"}
    assert attached(relay) == {"x.txt": b"fine"}


def test_files_are_refused_when_no_folder_is_set(start, relay):
    api = start()
    answer = api.add(message("m1", attachments=[{"filename": "x", "storage_path": "/etc/hostname", "fetch_mode": "filesystem"}]))
    if answer.json["queued"]:
        api.wait_state("error", "m1")
        assert api.message("m1")["error"].startswith("Attachment fetch failed for x: ")
    assert relay.mails == []


def test_a_store_that_is_down_is_asked_again_on_the_messages_schedule(new_tenant, relay, store):
    api = new_tenant(relay, store, retry_delays=[600])
    store.files["home:emails/f.pdf"] = b"octets"
    store.stop()
    api.enqueue(message("m1", attachments=[endpoint()]))
    wait_for(lambda: api.message("m1")["status"] == "deferred", "m1 to wait")
    assert api.message("m1")["deferred_reason"].startswith("Attachment fetch failed for f.pdf: ")
    store.start()
    api.system.rows("UPDATE mailproxy.queue SET due_at = now() WHERE tenant_id = %s", api.tenant_id)
    api.wait_state("sent", "m1")
    assert attached(relay) == {"f.pdf": b"octets"}


def test_without_a_fetch_mode_the_path_tells_where_the_file_is(start, relay, tmp_path):
    api = start(GMP_ALLOW_PRIVATE_HOSTS="127.0.0.1", GMP_ATTACHMENT_BASE_DIR=tmp_path)
    (tmp_path / "local.txt").write_bytes(b"local")
    api.store.files.update({"home:of/store.txt": b"store", "/of/url.txt": b"url"})
    paths = ["home:of/store.txt", f"{api.store.url}/of/url.txt", str(tmp_path / "local.txt"), "base64:" + "aW5saW5l"]
    api.enqueue(message("m1", attachments=[{"filename": f"{i}.txt", "storage_path": path} for i, path in enumerate(paths)]))
    api.wait_state("sent", "m1")
    assert attached(relay) == {"0.txt": b"store", "1.txt": b"url", "2.txt": b"local", "3.txt": b"inline"}


@pytest.mark.parametrize("path", ["aW5saW5l", "base64:aW5saW5l", "base64: aW5saW5l\n", "aW5saW5lIQ"])
def test_base64_may_have_its_prefix_and_lack_its_padding(start, relay, path):
    api = start()
    api.enqueue(message("m1", attachments=[{"filename": "a.txt", "storage_path": path, "fetch_mode": "base64"}]))
    api.wait_state("sent", "m1")
    assert attached(relay)["a.txt"] in (b"inline", b"inline!")


def test_of_several_sources_of_2025_s3_goes_before_url_before_content(start, relay):
    api = start(GMP_ALLOW_PRIVATE_HOSTS="127.0.0.1")
    api.store.files.update({"s3://b/k.txt": b"s3", "/u.txt": b"url"})
    s3, url, content = {"bucket": "b", "key": "k.txt"}, f"{api.store.url}/u.txt", "Y29udGVudA=="
    api.enqueue(message("m1", attachments=[{"s3": s3, "url": url, "content": content}, {"url": url, "content": content},
                                           {"filename": "c.txt", "content": content}]))
    api.wait_state("sent", "m1")
    assert attached(relay) == {"k.txt": b"s3", "u.txt": b"url", "c.txt": b"content"}


def test_a_base_url_that_a_tenants_token_has_set_leads_to_no_private_address(start, relay):
    api = start()
    wait_for(lambda: api.sync("called_at"), "the first poll to be over")
    assert api.request("PUT", f"/tenant/{api.tenant_id}", {"client_base_url": api.store.url + "/"}).status == 200
    calls = len(api.store.requests)
    api.store.files["home:emails/f.pdf"] = b"octets"
    api.enqueue(message("m1", attachments=[endpoint()]))
    api.wait_state("error", "m1")
    assert api.message("m1")["error"] == ("Attachment fetch failed for f.pdf: 127.0.0.1 has a private or special address, which"
                                          " is not allowed")
    wait_for(lambda: api.sync("failures") > 0, "the report to be refused too")
    assert api.store.fetches == [] and len(api.store.requests) == calls


def test_a_setting_opens_private_addresses_to_tenants_urls(start, relay, store):
    api = start(GMP_ALLOW_PRIVATE_HOSTS="10.0.0.0/8, localhost")
    store.files["/f.txt"] = b"octets"
    api.enqueue(message("yes", attachments=[{"url": f"http://localhost:{store.port}/f.txt"}]),
                message("no", attachments=[{"url": f"http://127.0.0.1:{store.port}/f.txt"}]))
    api.wait_state("sent", "yes")
    api.wait_state("error", "no")
    assert len(store.fetches) == 1
