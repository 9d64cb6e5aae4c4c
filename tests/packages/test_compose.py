"""What docker-compose.yml promises of each service, read from what docker-compose makes of it."""

import os
import stat

import pytest
from support import compose, dockerfile
from support.builds import ROOT, SERVER, WORKER
from support.chroots import run
from support.programs import run_program

OURS = ("migrate", "server", "worker", "sink")
SECRETS = ("api_token", "database_password", "database_url", "encryption_key", "grafana_password")


@pytest.fixture(scope="module")
def services():
    return compose.configuration()["services"]


def test_each_service_may_do_no_more_than_it_must(services):
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert ("cap_add" in service) == (name == "postgres"), name
        assert all(str(port["published"] if isinstance(port, dict) else port).startswith("127.0.0.1:")
                   for port in service.get("ports", ())), f"{name} is to be reached on this host alone"


def test_our_services_run_as_the_users_of_their_images(services):
    stages = dockerfile.stages()
    for name in OURS:
        stage = stages[services[name]["build"].get("target", "final")]
        assert services[name]["user"] == "{}:{}".format(*stage.user), name
        assert 0 not in stage.user


def test_programs_start_once_the_schema_is_there(services):
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("server", "worker"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["server"]["healthcheck"]["test"][-1].endswith("/ready")


def test_services_of_profiles_do_not_start_unasked(services):
    asked = {name for name, service in services.items() if "profiles" in service}
    assert asked == set(services) - {"postgres", "migrate", "server", "worker"}


def test_secrets_are_files_that_are_made_once(services, tmp_path):
    folder = tmp_path / "docker"
    folder.mkdir()
    script = folder / "make-secrets.sh"
    script.write_bytes(open(os.path.join(ROOT, "deploy", "docker", "make-secrets.sh"), "rb").read())
    script.chmod(0o755)
    run(str(script))
    made = {f.name: f.read_text() for f in (folder / "secrets").iterdir()}
    assert tuple(sorted(made)) == SECRETS
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700
    assert all(stat.S_IMODE(f.stat().st_mode) == 0o444 for f in (folder / "secrets").iterdir())
    assert made["database_password"] in made["database_url"]
    assert len(set(made.values())) == len(made)
    run(str(script))
    assert made == {f.name: f.read_text() for f in (folder / "secrets").iterdir()}
    given = {secret if isinstance(secret, str) else secret["source"] for service in services.values() for secret in service.get("secrets", ())}
    assert given == set(SECRETS)


@pytest.mark.parametrize("name, program", [("migrate", SERVER), ("server", SERVER), ("worker", WORKER)])
def test_the_settings_are_some_that_the_program_takes(services, name, program, tmp_path):
    known = {line.split("|")[0] for line in run_program(SERVER, "settings").stdout.splitlines()}
    settings = {}
    for key, value in services[name]["environment"].items():
        assert key.removesuffix("_FILE") in known
        if value and key.endswith("_FILE"):
            file = tmp_path / key
            file.write_text("A" * 43 + "=")
            value = file
        settings[key] = value
    done = run_program(program, "check-config", **settings)
    assert done.returncode == 0, done.stderr


def test_what_is_mounted_from_here_is_here(services):
    sources = [v["source"] if isinstance(v, dict) else v.split(":")[0] for service in services.values() for v in service.get("volumes", ())]
    here = [source for source in sources if source.startswith(ROOT)]
    assert here
    for source in here:
        assert os.path.exists(source), source
