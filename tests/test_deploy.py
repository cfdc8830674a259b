"""What deploy/ says fits the code, pins what it uses, holds no secret and lets nobody in."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address, ip_network
from itertools import chain
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped] # it has no types, and only tests read YAML
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from doorward.actors.cluster.call_server import PORTS
from doorward.config.settings import SETTINGS, Settings, load
from doorward.http.cli.main import main
from doorward.http.serving import SHUTDOWN_SECONDS

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
KUBERAY = DEPLOY / "kuberay"
GUIDE = ROOT / "docs" / "cluster.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
KEY = "A" * 43
SECRETS = {
    "DOORWARD_MASTER_KEY": KEY,
    "DOORWARD_OPERATOR_KEY": "0" * 64,
    "DOORWARD_REDIS_URL": "redis://:word@redis:6379/0",
    "DOORWARD_SMTP_URL": "smtps://door:word@mail.example",
}
FILLED_IN = SECRETS | {
    "DOORWARD_MAIL_FROM": "no-reply@shops.example",
    "DOORWARD_PUBLIC_URL": "https://shops.example",
    "DOORWARD_HOSTED_DOMAIN": "shops.example",
    "DOORWARD_TRUSTED_PROXIES": "10.0.0.0/8",
    "DOORWARD_BLOBS_URL": "s3://proofs/prod",
}
NAMES = {setting.name for setting in SETTINGS}
ROUTED = {"/healthz", "/readyz"}
PINNED = re.compile(r"[a-z./-]+:\d+\.\d+\.\d+(-[a-z-]+)?")


class Strict(yaml.SafeLoader):  # type: ignore[misc] # as above
    pass


def _once(loader: Strict, node: yaml.MappingNode) -> dict[str, Any]:
    written = [key.value for key, _ in node.value if key.value != "<<"]
    assert len(written) == len(set(written)), f"twice in {node.start_mark}: {written}"
    loader.flatten_mapping(node)
    return dict(loader.construct_pairs(node, deep=True))


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _once)


@cache
def read(path: Path) -> list[Any]:
    return list(yaml.load_all(path.read_text(encoding="utf-8"), Strict))


def compose() -> dict[str, Any]:
    (document,) = read(DEPLOY / "compose.yaml")
    return dict(document)


def objects(kind: str) -> list[Any]:
    found = [each for path in sorted(KUBERAY.glob("*.yaml")) for each in read(path)]
    return [each for each in found if each["kind"] == kind]


def pods() -> dict[str, Any]:
    (cluster,) = objects("RayCluster")
    (http,), (up,) = objects("Deployment"), objects("Job")
    groups = cluster["spec"]["workerGroupSpecs"]
    return {
        "head": cluster["spec"]["headGroupSpec"]["template"],
        **{group["groupName"]: group["template"] for group in groups},
        "http": http["spec"]["template"],
        "up": up["spec"]["template"],
    }


def containers() -> Iterator[Any]:
    for pod in pods().values():
        yield from pod["spec"]["containers"]


def instructions() -> list[tuple[str, str]]:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    whole = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in whole.split("\n") if line]


def instruction(name: str) -> list[str]:
    return [rest for word, rest in instructions() if word == name]


def last_stage() -> list[tuple[str, str]]:
    lines = instructions()
    return lines[max(at for at, (word, _) in enumerate(lines) if word == "FROM") :]


def image_environment() -> dict[str, str]:
    (text,) = instruction("ENV")
    return dict(pair.split("=", 1) for pair in shlex.split(text))


def example() -> dict[str, str]:
    lines = (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled(text: str) -> str:
    given = FILLED_IN | {"REDIS_PASSWORD": "word"}
    asked = re.sub(r"\$\{(\w+):\?[^}]+\}", lambda found: given.get(found[1], "x"), text)
    return re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", asked).replace("$$", "$")


def settings_of(environ: dict[str, str], folder: Path) -> Settings:
    return load(image_environment() | environ, folder=folder)


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


# --- the image ------------------------------------------------------------------------------------


def test_the_image_is_built_on_one_pinned_python_that_doorward_and_its_redis_run_on() -> None:
    (version,) = (text.partition("=")[2] for text in instruction("ARG") if "PYTHON" in text)
    bases = {text.split()[0] for text in instruction("FROM")}

    assert bases == {"python:${PYTHON_VERSION}-slim-bookworm"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert Version(version) in SpecifierSet(PROJECT["requires-python"])
    assert Version(version) < Version("3.13")


def test_the_image_that_runs_holds_nothing_to_build_with_and_runs_as_nobody() -> None:
    stage = last_stage()
    run = " ".join(rest for word, rest in stage if word == "RUN")

    assert not re.search(r"\b(pip|uv|gcc|make|build-essential|git|curl)\b", run)
    assert ("COPY", "--from=build /opt/doorward /opt/doorward") in stage
    assert [rest for word, rest in stage if word == "USER"] == ["10001:10001"]
    assert "--uid 10001" in run
    assert [rest for word, rest in stage if word == "ENTRYPOINT"] == ['["tini", "--"]']


def test_everything_that_is_copied_into_the_image_is_there_and_not_ignored() -> None:
    copied = [text.split() for text in instruction("COPY") if "--from" not in text]
    sources = {
        name.rstrip("/") for words in copied for name in words[:-1] if not name.startswith("-")
    }
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert sources
    assert [name for name in sources if not (ROOT / name).exists()] == []
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == sources


def test_what_the_image_sets_is_what_the_server_takes(tmp_path: Path) -> None:
    settings = settings_of({}, tmp_path)

    assert settings.server.host == "0.0.0.0"  # noqa: S104 - in a network of the container's own
    assert not settings.server.demo
    assert settings.store.data_dir == Path("/data/doorward")
    assert instruction("EXPOSE") == [str(settings.server.port)]
    (check,) = instruction("HEALTHCHECK")
    assert f"127.0.0.1:{settings.server.port}/readyz" in check


def test_one_version_is_built_and_run_everywhere() -> None:
    version = PROJECT["version"]
    images = {each["image"] for each in compose()["services"].values() if "build" in each}
    (kustomization,) = objects("Kustomization")
    (cluster,) = objects("RayCluster")

    assert f"VERSION={version}" in instruction("ARG")
    assert images == {f"doorward:{version}"}
    assert {container["image"] for container in containers()} == images
    assert [image["newTag"] for image in kustomization["images"]] == [version]
    assert cluster["spec"]["rayVersion"] == pins("cluster")["ray"]


def test_every_other_image_is_pinned_to_a_version() -> None:
    images = [each["image"] for each in compose()["services"].values()]

    assert [image for image in images if not PINNED.fullmatch(image)] == []


@pytest.mark.parametrize("extra", ["cluster", "s3"])
def test_the_lock_of_the_image_pins_the_extras_as_development_runs_them(extra: str) -> None:
    declared = PROJECT["dependencies"] + PROJECT["optional-dependencies"][extra]
    pinned = pins("cluster")

    wrong = [
        requirement.name
        for requirement in map(Requirement, declared)
        if not requirement.specifier.contains(pinned.get(requirement.name, "0"))
    ]

    assert wrong == []
    assert pins("runtime").items() <= pinned.items() <= pins("dev").items()


# --- compose --------------------------------------------------------------------------------------


def doorward_services() -> dict[str, Any]:
    return {name: each for name, each in compose()["services"].items() if "build" in each}


def test_the_example_names_what_the_compose_file_asks_for_and_has_no_secret() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    secret = {setting.name for setting in SETTINGS if setting.declaration.is_secret}
    secret |= {name for name in example() if re.search("PASSWORD|TOKEN|KEY|SECRET", name)}

    assert set(re.findall(r"\$\{(\w+)", text)) == set(example())
    assert {name: value for name, value in example().items() if value and name in secret} == {}
    assert re.findall(r"[A-Za-z0-9+/_-]{40,}", text) == []


def test_the_filled_in_copies_of_the_examples_are_not_committed() -> None:
    ignored = (DEPLOY / ".gitignore").read_text(encoding="utf-8").splitlines()

    assert {".env", "kuberay/secrets.yaml"} <= set(ignored)


def test_every_process_of_the_compose_file_is_told_the_same_and_takes_it(tmp_path: Path) -> None:
    told = {}
    for name, service in doorward_services().items():
        environ = {key: filled(str(value)) for key, value in service["environment"].items()}
        settings = settings_of(environ, tmp_path)
        assert settings.keys.master_keys is not None
        assert settings.keys.operator_key is not None
        ours = {key for key in environ if key in NAMES} - {"DOORWARD_DATA_DIR"}
        told[name] = {key: environ[key] for key in ours | {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"}}

    assert len(told) == 3
    assert len({tuple(sorted(each.items())) for each in told.values()}) == 1


def test_the_head_is_where_everybody_looks_for_it() -> None:
    document = compose()
    (subnet,) = document["networks"]["inside"]["ipam"]["config"]
    head = document["services"]["head"]
    address = head["networks"]["inside"]["ipv4_address"]

    assert ip_address(address) in ip_network(subnet["subnet"])
    assert {each["environment"]["DOORWARD_CLUSTER"] for each in doorward_services().values()} == {
        f"{address}:6379"
    }
    assert address in head["healthcheck"]["test"][-1]


def test_only_http_can_be_reached_from_outside_and_from_this_machine_alone() -> None:
    document = compose()
    open_to = {name: each.get("ports", []) for name, each in document["services"].items()}

    assert document["networks"]["inside"]["internal"] is True
    assert document["services"]["redis"]["networks"] == ["inside"]
    assert {name for name, ports in open_to.items() if ports} == {"http-1", "http-2"}
    for port in chain.from_iterable(open_to.values()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:8080", port)


@pytest.mark.parametrize("name", ["redis", "head", "http-1", "http-2"])
def test_a_service_of_the_compose_file_may_do_no_more_than_it_must(name: str) -> None:
    service = compose()["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert name != "redis" or service["user"].split(":")[0] != "0"
    # The image's own check asks the HTTP server; everybody else needs one of their own.
    assert name.startswith("http") or service["healthcheck"]["test"]
    assert int(service["stop_grace_period"].removesuffix("s")) > SHUTDOWN_SECONDS + 5


# --- Kubernetes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["head", "hosts", "http", "up"])
def test_a_pod_may_do_no_more_than_it_must(name: str) -> None:
    pod = pods()[name]["spec"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]) == {"requests", "limits"}
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("name", ["head", "hosts", "http", "up"])
def test_kubernetes_adds_no_variables_that_would_be_taken_for_settings(name: str) -> None:
    assert pods()[name]["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("name", ["head", "hosts", "http", "up"])
def test_every_pod_is_told_the_same_and_takes_it(name: str, tmp_path: Path) -> None:
    (told,) = objects("ConfigMap")
    secrets = {each["metadata"]["name"]: each["stringData"] for each in objects("Secret")}
    (container,) = pods()[name]["spec"]["containers"]

    assert container["envFrom"] == [
        {"configMapRef": {"name": told["metadata"]["name"]}},
        {"secretRef": {"name": "doorward-secrets"}},
    ]
    assert {value for each in secrets.values() for value in each.values()} == {""}
    assert {key for key in told["data"] if key.startswith("DOORWARD_")} <= NAMES
    given = {key: SECRETS.get(key, "x") for key in secrets["doorward-secrets"]}
    settings = settings_of(told["data"] | given, tmp_path)
    assert settings.hosting.cluster == "doorward-head-svc:6379"
    assert settings.keys.master_keys is not None


def test_who_is_no_node_of_kuberays_gets_the_token_that_its_nodes_have() -> None:
    (cluster,) = objects("RayCluster")
    (told,) = objects("ConfigMap")
    options = cluster["spec"]["authOptions"]
    source = {"secretKeyRef": {"name": options["secretName"], "key": "auth_token"}}

    assert options["mode"] == told["data"]["RAY_AUTH_MODE"] == "token"
    for name in ("http", "up"):
        (container,) = pods()[name]["spec"]["containers"]
        assert {"name": "RAY_AUTH_TOKEN", "valueFrom": source} in container["env"]
        assert container["args"][:2] == ["ray-node", "doorward"]


def test_http_is_replaced_without_a_gap_and_drains_before_it_is_ended() -> None:
    (http,) = objects("Deployment")
    pod = http["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])

    assert http["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert pod["terminationGracePeriodSeconds"] > pause + SHUTDOWN_SECONDS + 10
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {
        "http": Settings().server.port
    }


def test_what_selects_pods_selects_those_there_are() -> None:
    labels = [pod["metadata"]["labels"] for pod in pods().values()]
    wanted = [each["spec"]["selector"] for each in objects("Service")]
    wanted += [each["spec"]["selector"]["matchLabels"] for each in objects("Deployment")]
    wanted += [each["spec"]["selector"]["matchLabels"] for each in objects("PodDisruptionBudget")]
    policies = [each["spec"]["podSelector"] for each in objects("NetworkPolicy")]
    wanted += [policy["matchLabels"] for policy in policies if policy]

    assert len(wanted) > 6
    assert [each for each in wanted if not any(each.items() <= has.items() for has in labels)] == []
    assert all(has["app.kubernetes.io/part-of"] == "doorward" for has in labels)
    (scaler,) = objects("HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == objects("Deployment")[0]["metadata"]["name"]


def ray_options() -> dict[str, set[int]]:
    """Tell the ports that each way of starting a Ray node fixes."""
    (cluster,) = objects("RayCluster")
    groups = [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]
    script = (DEPLOY / "ray-node").read_text(encoding="utf-8")
    given = [each["rayStartParams"] for each in groups]
    given.append(dict(re.findall(r"--([a-z-]+)=(\d+)", script)))
    names = ("node-manager-port", "object-manager-port", "min-worker-port", "max-worker-port")
    return {name: {int(each[name]) for each in given} for name in names}


def test_everybody_is_refused_but_ray_nodes_among_themselves_on_the_ports_that_they_use() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in objects("NetworkPolicy")}
    ports = {name: next(iter(found)) for name, found in ray_options().items() if len(found) == 1}

    (told,) = objects("ConfigMap")
    host_port = int(told["data"]["DOORWARD_HOST_PORT"])
    assert len(ports) == 4
    assert policies["nobody"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (among,) = policies["ray"]["ingress"]
    assert among["from"] == [{"podSelector": policies["ray"]["podSelector"]}]
    assert [(each["port"], each["endPort"]) for each in among["ports"]] == [
        (6379, ports["object-manager-port"]),
        (ports["min-worker-port"], ports["max-worker-port"]),
        (host_port, host_port + PORTS - 1),
    ]
    assert ports["max-worker-port"] < host_port
    assert 6379 < ports["node-manager-port"] < ports["object-manager-port"]


@pytest.mark.parametrize("group", ["head", "hosts"])
def test_kuberay_starts_nodes_with_options_that_ray_has(group: str) -> None:
    from ray.scripts.scripts import start  # noqa: PLC0415 - it takes a second

    (cluster,) = objects("RayCluster")
    groups = {"head": cluster["spec"]["headGroupSpec"]}
    groups |= {each["groupName"]: each for each in cluster["spec"]["workerGroupSpecs"]}
    given = groups[group]["rayStartParams"]
    known = {option.removeprefix("--") for each in start.params for option in each.opts}

    assert set(given) <= known
    # Hosts are kept off the head; Ray itself refuses these two of a worker.
    assert (given["num-cpus"] == "0") == (group == "head")
    assert group == "head" or not {"include-dashboard", "port"} & set(given)
    assert given["disable-usage-stats"] == "true"


def test_the_kustomization_has_every_manifest_but_those_that_hold_secrets() -> None:
    (kustomization,) = objects("Kustomization")
    files = {path.name for path in KUBERAY.glob("*.yaml")}

    assert set(kustomization["resources"]) == files - {"kustomization.yaml", "secrets.example.yaml"}


# --- commands and documents -----------------------------------------------------------------------


def commands() -> Iterator[list[str]]:
    for service in doorward_services().values():
        yield [word for part in service["command"] for word in filled(part).split()]
    for container in containers():
        yield container.get("args", [])
        stop = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
        yield " ".join(stop).split()
    for path in (GUIDE, KUBERAY / "up.yaml", DEPLOY / "ray-node"):
        text = path.read_text(encoding="utf-8")
        # Not kubectl's "-n doorward".
        for line in re.findall(r"(?<!-n )\bdoorward [a-z].*", text):
            yield re.split(r"[`|#&>…\"]| {2,}", line)[0].split()


def unknown_words(words: list[str]) -> list[str]:
    """Tell what in a command line Doorward's own command line does not have."""
    if "doorward" not in words:
        return []
    command: click.Command = main
    rest = words[words.index("doorward") + 1 :]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.commands.get(rest[0])
        if found is None:
            return rest[:1]
        command, rest = found, rest[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    return [word for word in rest if word.startswith("--") and word.split("=")[0] not in known]


def test_every_command_that_is_told_exists() -> None:
    told = [words for words in commands() if "doorward" in words]

    assert len(told) > 12
    assert [words for words in told if unknown_words(words)] == []
    assert unknown_words(["doorward", "cluster", "explode"]) == ["explode"]
    assert unknown_words(["doorward", "serve", "--clutser", "x"]) == ["--clutser"]


def test_the_guide_names_no_setting_that_there_is_not() -> None:
    named = set(re.findall(r"\bDOORWARD_[A-Z_]+\b", GUIDE.read_text(encoding="utf-8")))

    assert len(named) > 8
    assert named <= NAMES


def test_every_message_that_the_guide_explains_is_one_that_somebody_says() -> None:
    text = GUIDE.read_text(encoding="utf-8").partition("## Troubleshooting")[2]
    quoted = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    said = "".join(
        re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))
        for folder in (ROOT / "actors", ROOT / "http", DEPLOY)
        for path in folder.rglob("*")
        if path.suffix == ".py" or path.name == "ray-node"
    ).lower()

    assert len(quoted) > 10
    parts = {message: re.split(r"…", message.lower().rstrip(".")) for message in quoted}
    assert [
        message
        for message, pieces in parts.items()
        if not all(piece.strip() in said for piece in pieces)
    ] == []


def test_the_sizing_guide_says_what_its_arithmetic_says() -> None:
    text = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
    tables = re.findall(
        r"^<!-- sizing ?(.*?) ?-->\n(.*?)\n<!-- end -->$", text, re.DOTALL | re.MULTILINE
    )

    assert len(tables) == 2
    for options, shown in tables:
        command = [sys.executable, DEPLOY / "sizing.py", *options.split()]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        assert told.stdout.strip() == shown
