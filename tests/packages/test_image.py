"""The Dockerfile, carried out in chroots of the same Debian; what it makes runs as docker-compose.yml says, on a read-only root file system."""

import os

from packages.sending import send_one
from support import compose, dockerfile
from support.builds import ROOT
from support.chroots import run
from support.ports import free_port
from support.waiting import wait_for

SECRETS = "/run/secrets"


def build_images(place, handed):
    """The stages that are run, by name."""
    made = {}
    for name in ("final", "sink"):
        made[name] = place.new(name)
        dockerfile.build(made[name], dockerfile.stages()[name], handed)
    return made


def check_that_the_image_holds_the_programs_and_no_more(image):
    for program in ("mailproxy-server", "mailproxy-worker"):
        assert image.run(f"/usr/bin/{program}", "--version").startswith(f"{program} ")
    installed = image.run("dpkg-query", "-W", "-f", "${Package}\n").split()
    assert "mailproxy" in installed
    unwanted = [name for name in installed if name in ("gcc", "meson", "python3", "systemd", "perl") or name.endswith("-dev")]
    assert not unwanted
    assert not image.run("sh", "-c", "ls /etc/mailproxy 2>/dev/null || true"), "no key and no token of the image's own"


class Services:
    """The services of docker-compose.yml, each in its image, one PostgreSQL for them."""

    def __init__(self, images, cluster, tmp_path):
        self.images, self.log_folder = images, tmp_path
        self.configuration = compose.configuration()
        self.started = []
        os.chmod(cluster.directory, 0o711)  # the services reach its socket as users of their own
        images["final"].mount(cluster.directory, "/run/postgresql")
        self.secrets = self._make_secrets(tmp_path)
        self.secrets["database_url"] = cluster.create_database("image").replace(cluster.directory, "/run/postgresql")
        for name in self.configuration["services"]["server"]["secrets"]:
            name = name if isinstance(name, str) else name["source"]
            images["final"].write(f"{SECRETS}/{name}", self.secrets[name], "0444")

    @staticmethod
    def _make_secrets(tmp_path):
        script = tmp_path / "make-secrets.sh"
        script.write_bytes(open(os.path.join(ROOT, "deploy", "docker", "make-secrets.sh"), "rb").read())
        script.chmod(0o755)
        run(str(script))
        return {f.name: f.read_text() for f in (tmp_path / "secrets").iterdir()}

    def start(self, name, *command, **environment):
        service = self.configuration["services"][name]
        uid, gid = service["user"].split(":")
        settings = {k: str(v) for k, v in service["environment"].items()} if "environment" in service else {}
        volumes = [v["target"] if isinstance(v, dict) else v.split(":")[1] for v in service.get("volumes", ())]
        memory = [(path.partition(":")[0], path.partition(":")[2]) for path in service.get("tmpfs", ())]
        program = self.images[service["build"].get("target", "final")].start(
            *(command or service["command"]), uid=uid, gid=gid, env={**settings, **environment}, log=str(self.log_folder / name),
            read_only=service["read_only"], writable=volumes, memory=memory)
        self.started.append(program)
        return program


def test_the_services_send_a_mail_on_a_read_only_file_system(place, handed, cluster, tmp_path):
    images = build_images(place, handed)
    check_that_the_image_holds_the_programs_and_no_more(images["final"])
    services = Services(images, cluster, tmp_path)
    migrate = services.start("migrate")
    assert migrate.process.wait(60) == 0, migrate.log()
    assert "schema version" in migrate.log()

    port, sink_port = free_port(), free_port()
    server = services.start("server", GMP_PORT=port)
    worker = services.start("worker")
    sink = services.start("sink", *[str(sink_port) if word == "2525" else word for word in services.configuration["services"]["sink"]["command"]])
    send_one(f"http://127.0.0.1:{port}", services.secrets["api_token"], sink_port, services.started[1:])

    check = [word.replace(":8000/", f":{port}/") for word in services.configuration["services"]["server"]["healthcheck"]["test"][1:]]
    images["final"].run(*check)
    # What a worker has seen of the database is kept in the volume.
    wait_for(lambda: images["final"].run("sh", "-c", "ls /var/lib/mailproxy") == "mark\n", "the worker's mark")
    for program in (worker, server, sink):
        assert program.stop() == 0, program.log()
