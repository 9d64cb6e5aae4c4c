"""Attachments that the client names by their MD5 are fetched once; and what a tenant wants done about large ones."""

import hashlib
import os

import pytest
from support.programs import message
from support.waiting import wait_for

SMALL, LARGE = b"small" * 100, os.urandom(200 * 1024)  # the folder takes them from 100 KiB on


def md5(octets):
    return hashlib.md5(octets).hexdigest()


def attachment(octets, name="f.bin", path="home:f.bin", **more):
    return {"filename": name, "storage_path": path, "fetch_mode": "endpoint", "content_md5": md5(octets), **more}


@pytest.fixture
def start(new_system, relay, store, tmp_path):
    def begin(workers=1, **settings):
        system = new_system(workers=workers, GMP_CACHE_DISK_DIR=tmp_path / "cache", **settings)
        tenant = system.add_tenant("acme", store)
        system.add_account(tenant, relay)
        return tenant

    return begin


def send(tenant, message_id, *attachments):
    tenant.enqueue(message(message_id, attachments=list(attachments)))
    tenant.wait_state("sent", message_id)


@pytest.mark.parametrize("octets", [SMALL, LARGE], ids=["small", "large"])
def test_it_is_fetched_once_for_many_messages(start, relay, store, octets):
    tenant = start()
    store.files["home:f.bin"] = octets
    for i in range(5):
        send(tenant, f"m{i}", attachment(octets))
    assert len(store.fetches) == 1
    assert len(relay.mails) == 5
    assert all(len(mail.octets) > len(octets) for mail in relay.mails)


def test_the_marker_in_the_file_name_says_it_too(start, store):
    tenant = start()
    store.files["home:f.bin"] = SMALL
    for i in range(2):
        send(tenant, f"m{i}", {"filename": "rep_{MD5:%s}.bin" % md5(SMALL).upper(), "storage_path": "home:f.bin"})
    assert len(store.fetches) == 1


def test_without_an_md5_each_message_fetches(start, store):
    tenant = start()
    store.files["home:f.bin"] = SMALL
    for i in range(2):
        send(tenant, f"m{i}", {"filename": "f.bin", "storage_path": "home:f.bin"})
    assert len(store.fetches) == 2


def test_a_wrong_md5_never_hits(start, store):
    tenant = start()
    store.files["home:f.bin"] = SMALL
    for i in range(2):
        send(tenant, f"m{i}", attachment(b"something else"))
    assert len(store.fetches) == 2


def test_workers_of_a_host_share_the_folder_and_a_new_one_finds_it(start, store):
    tenant = start()
    store.files["home:f.bin"] = LARGE
    send(tenant, "m1", attachment(LARGE))
    tenant.system.workers[0].terminate()
    tenant.system.workers.clear()
    tenant.system.start_worker()
    send(tenant, "m2", attachment(LARGE))
    assert len(store.fetches) == 1


def test_a_damaged_file_is_fetched_again(start, store, tmp_path):
    tenant = start()
    store.files["home:f.bin"] = LARGE
    send(tenant, "m1", attachment(LARGE))
    file, = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    file.write_bytes(LARGE[:-1] + b"?")
    send(tenant, "m2", attachment(LARGE))
    assert len(store.fetches) == 2


def test_another_tenant_gets_nothing_for_knowing_the_md5(start, store, new_store, relay):
    tenant = start()
    store.files["home:f.bin"] = LARGE
    send(tenant, "m1", attachment(LARGE))
    other_store = new_store()  # has no such file
    other = tenant.system.add_tenant("other", other_store)
    tenant.system.add_account(other, relay)
    other.enqueue(message("m1", attachments=[attachment(LARGE)]))
    other.wait_state("error", "m1")
    assert len(other_store.fetches) == 1


def test_a_folder_that_cannot_be_used_stops_the_start(new_system):
    system = new_system(workers=0)
    with pytest.raises(AssertionError, match="GMP_CACHE_DISK_DIR"):
        system.start_worker(GMP_CACHE_DISK_DIR="/proc/nowhere/cache")
    system.workers.clear()
    system.programs.pop().killed = True


MIB = 1024 * 1024


def test_a_large_attachment_is_an_error_where_the_tenant_rejects_them(new_tenant, relay, store):
    tenant = new_tenant(relay, store, large_file_config={"enabled": True, "max_size_mb": 1, "action": "reject"})
    store.files.update({"home:large.bin": b"x" * (2 * MIB), "home:f.bin": SMALL})
    tenant.enqueue(message("large", attachments=[attachment(b"", "large.bin", "home:large.bin")]),
                   message("small", attachments=[attachment(SMALL)]))
    tenant.wait_state("error", "large")
    tenant.wait_state("sent", "small")
    assert tenant.message("large")["error"] == "Attachment 'large.bin' (2.0 MB) exceeds limit (1.0 MB)"


def test_a_large_attachment_is_sent_with_a_warning_where_the_tenant_wants_that(new_tenant, relay, store):
    tenant = new_tenant(relay, store, large_file_config={"enabled": True, "max_size_mb": 1, "action": "warn"})
    store.files["home:large.bin"] = b"x" * (2 * MIB)
    send(tenant, "large", attachment(b"", "large.bin", "home:large.bin"))
    wait_for(lambda: "large_attachment" in tenant.system.workers[0].new_log(), "the warning in the log")
