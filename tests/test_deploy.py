"""Files of deploy/: what their own linters say, and that they name what the server has."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from seq2seq.cli import serve, train, translate
from seq2seq.config.serving import ServerConfig

DEPLOY = Path(__file__).parents[1] / "deploy"
PROBES = ("/healthz", "/readyz")
TRAINED_BY = ("kubernetes.yaml", "jobset.yaml", "slurm.sh", "ray_train.py")


def text(name):
    return (DEPLOY / name).read_text()


def documents(name):
    return list(yaml.safe_load_all(text(name)))


def run(*command):
    """What a linter says; it has to be content."""
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tool(name):
    """A command of the development environment, or of the machine."""
    found = shutil.which(name, path=Path(sys.executable).parent) or shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def container():
    (deployment, _) = documents("kubernetes.yaml")
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return found


def test_hadolint_has_no_complaint():
    run(tool("hadolint"), DEPLOY / "Dockerfile")


def test_compose_fits_its_schema():
    run(
        tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"
    )


def test_kubernetes_manifests_fit_their_schemas():
    run(tool("kubernetes-validate"), "--strict", DEPLOY / "kubernetes.yaml")


def test_systemd_takes_the_unit(tmp_path):
    unit = text("seq2seq.service")
    command = re.search(r"^ExecStart=(\S+) serve ", unit, re.M)[1]
    (tmp_path / "seq2seq.service").write_text(unit.replace(command, sys.executable))
    assert run(tool("systemd-analyze"), "verify", tmp_path / "seq2seq.service") == ""


def test_linters_do_complain(tmp_path):
    """The control: a mistake in each file is seen."""
    for command, name, right, wrong in (
        ((tool("hadolint"),), "Dockerfile", ":3.13-slim-bookworm", ""),
        (
            (tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"),
            *("compose.yaml", "read_only: true\n    cap", "readonly: true\n    cap"),
        ),
        ((tool("kubernetes-validate"), "--strict"), "kubernetes.yaml", "replicas:", "replica:"),
    ):
        assert right in text(name)
        (tmp_path / name).write_text(text(name).replace(right, wrong))
        with pytest.raises(AssertionError):
            run(*command, tmp_path / name)


def jobs_of_a_jobset():
    """The Jobs that JobSet would make, as manifests of their own."""
    (jobset,) = documents("training/jobset.yaml")
    for each in jobset["spec"]["replicatedJobs"]:
        metadata, spec = {"name": each["name"]}, each["template"]["spec"]
        yield {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def test_manifests_of_a_training_fit_their_schemas(tmp_path):
    jobs = tmp_path / "jobs.yaml"
    jobs.write_text(yaml.safe_dump_all(jobs_of_a_jobset()))
    said = run(
        *(tool("kubernetes-validate"), "--strict"), DEPLOY / "training" / "kubernetes.yaml", jobs
    )
    assert said.count(" passed for resource job/") == 3


def test_pods_of_a_training_are_as_many_as_addresses_and_start_anew_after_75():
    _, job = documents("training/kubernetes.yaml")
    one, others = jobs_of_a_jobset()
    for pods, jobs in ((4, [job]), (1 + 3, [one, others])):
        assert sum(each["spec"]["completions"] for each in jobs) == pods
        for each in jobs:
            (container,) = each["spec"]["template"]["spec"]["containers"]
            words = [*container["command"], *container["args"]]
            (workers,) = [word for word in words if word.startswith("--workers=")]
            assert workers.count(":8888") == pods
            rules = each["spec"]["podFailurePolicy"]["rules"]
            failing = [rule for rule in rules if rule["action"] == "FailJob"]
            assert [rule["onExitCodes"]["values"] for rule in failing] == [[1, 2]]


def test_shellcheck_has_no_complaint(tmp_path):
    run(tool("shellcheck"), DEPLOY / "training" / "slurm.sh")
    (tmp_path / "wrong.sh").write_text(
        text("training/slurm.sh").replace('exit "$status"\nfi', "exit $statos\nfi")
    )
    with pytest.raises(AssertionError):  # the control
        run(tool("shellcheck"), tmp_path / "wrong.sh")


@pytest.mark.parametrize(
    ("statuses", "restarts", "exit_status"),
    [
        ((0, 0), 0, 0),
        ((1, 1), 0, 1),
        ((75, 75), 99, None),
        ((75, 75), 100, 75),
        ((75, 137), 0, None),
        ((1, 137), 0, 1),
        ((75, 2), 0, 2),
        ((127, 127), 0, 127),  # no such command
    ],
)
def test_slurm_starts_each_worker_and_requeues_what_was_lost(
    tmp_path, statuses, restarts, exit_status
):
    """The statuses of the workers; that of the script, None if it requeues them."""
    stand_ins = {
        "scontrol": '[ "$1" = show ] && printf "node9\\nnode10\\n" || echo "$@" >> told',
        "srun": 'worst=0; for n in 0 1; do SLURM_PROCID=$n "${@:3}"; s=$?; '
        "[ $s -gt $worst ] && worst=$s; done; exit $worst",  # as srun's is the highest
        "seq2seq": f'statuses=({" ".join(map(str, statuses))}); echo "$@" >> told; '
        "exit ${statuses[$SLURM_PROCID]}",
    }
    for name, script in stand_ins.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / name).chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_JOB_NODELIST": "node[9-10]",
        "SLURM_JOB_ID": "7",
        "SLURM_CPUS_PER_TASK": "16",
        "SLURM_RESTART_COUNT": str(restarts),
    }
    done = subprocess.run(
        [DEPLOY / "training" / "slurm.sh", "a.yaml", "runs/a"], cwd=tmp_path, env=environment
    )
    assert done.returncode == (exit_status or 0)
    first, second, *rest = (tmp_path / "told").read_text().splitlines()
    command = "train a.yaml --run runs/a --workers node9:8888,node10:8888 --worker"
    assert (first, second) == (f"{command} 0", f"{command} 1")
    assert rest == (["requeue 7"] if exit_status is None else [])
    assert not list(tmp_path.glob(".seq2seq*"))


@pytest.mark.parametrize(
    ("name", "verb", "options"),
    [
        *((f"training/{name}", train, "run|workers?") for name in TRAINED_BY),
        ("translation/ray_translate.py", translate, r"\w+"),
    ],
)
def test_options_are_those_of_the_command(name, verb, options):
    parser = argparse.ArgumentParser()
    verb.add_parser(parser.add_subparsers())
    (command,) = parser._subparsers._group_actions[0].choices.values()
    known = parser.format_help() + command.format_help()
    lines = [line for line in text(name).splitlines() if "SBATCH" not in line]
    words = re.findall(rf"--(?:{options})\b", "\n".join(lines))
    assert words and all(word in known for word in words)


def test_every_variable_is_an_option():
    parser = argparse.ArgumentParser()
    serve.add_parser(parser.add_subparsers())
    known = {serve.variable_of(each) for each in parser.parse_args(["serve", "x"]).options}
    for path in filter(Path.is_file, DEPLOY.rglob("*")):
        named = set(re.findall(r"SEQ2SEQ_SERVE_\w+", path.read_text()))
        assert named <= known, path.name
    assert "SEQ2SEQ_SERVE_TOKEN_FILE" in text("compose.yaml")


def test_ports_and_probes_are_the_servers():
    port = ServerConfig().port
    assert re.search(rf"^EXPOSE {port}\b", text("Dockerfile"), re.M)
    assert [each["containerPort"] for each in container()["ports"]] == [port, 8500]
    asked = [
        container()[f"{each}Probe"]["httpGet"] for each in ("startup", "readiness", "liveness")
    ]
    assert {each["path"] for each in asked} == set(PROBES)
    assert "/readyz" in text("Dockerfile")


def test_nothing_runs_as_root_or_writes_its_file_system():
    users = re.findall(r"^USER (\d+):", text("Dockerfile"), re.M)
    assert len(users) == 1 and int(users[0]) > 0
    assert "TMPDIR=/dev/shm" in text("Dockerfile")  # TensorFlow's import wants a writable folder
    assert container()["securityContext"]["readOnlyRootFilesystem"]
    (service,) = documents("compose.yaml")[0]["services"].values()
    assert service["read_only"]
    unit = text("seq2seq.service")
    assert "DynamicUser=yes" in unit and "ProtectSystem=strict" in unit


def test_stopping_waits_for_requests_under_way():
    (deployment, _) = documents("kubernetes.yaml")
    grace = ServerConfig().grace
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > grace
    (service,) = documents("compose.yaml")[0]["services"].values()
    assert int(service["stop_grace_period"].removesuffix("s")) > grace
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", text("seq2seq.service"), re.M)[1]) > grace
