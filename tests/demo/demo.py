"""What ocap-host does, shown on the real binary with a real client of its socket: `just demo`.

Every step is checked as it is told; the first that is not so ends the demo with status 1. Everything happens in a directory of its
own, which is gone afterwards, and so is every process.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VATS = ROOT / "target" / "vats"
# Nothing here takes so long; it only keeps a broken host from making the demo hang.
PATIENCE_S = 30

COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def step(title):
    print(f"\n{paint('1', '== ' + title)}", flush=True)


def say(text):
    print(paint("36", f"   {text}"), flush=True)


def typed(line):
    print(paint("2", "$ ") + line, flush=True)


def check(truth, claim):
    if not truth:
        raise AssertionError(f"it is not so: {claim}")
    print(f"   {paint('32', 'ok')} {claim}", flush=True)


def wait_until(claim, probe):
    deadline = time.monotonic() + PATIENCE_S
    while not probe():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE_S} s: {claim}")
        time.sleep(0.02)
    check(True, claim)


class Host:
    """One home, and the host that runs on it."""

    def __init__(self, binary, place):
        self.binary, self.place, self.home = binary, place, place / "home"
        self.process, self.started = None, 0
        kept = {name: os.environ[name] for name in ("PATH", "TERM", "NO_COLOR", "LANG") if name in os.environ}
        self.environment = {**kept, "HOME": str(place), "OCAP_HOME": str(self.home)}

    def run(self, *files):
        """Starts it and waits for its `ready` line."""
        typed(" ".join(["ocap-host run", *(str(file) for file in files), "&"]))
        self.started = time.monotonic()
        with open(self.place / "stderr", "ab") as errors:
            self.process = subprocess.Popen(
                [self.binary, "run", *files], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=errors, text=True,
            )
        ready = self.process.stdout.readline()
        took_ms = (time.monotonic() - self.started) * 1000
        print(ready, end="")
        check(ready.startswith("ready: "), f"it serves, {took_ms:.0f} ms after it was started")
        return ready

    def kill(self):
        typed(f"kill -9 {self.process.pid}")
        self.process.send_signal(signal.SIGKILL)
        self.end()

    def end(self):
        self.process.wait(timeout=PATIENCE_S)
        self.process.stdout.close()
        status, self.process = self.process.returncode, None
        return status

    def show(self, *words, status=0):
        """A command as a person would type it, with its own output."""
        typed(" ".join(["ocap-host", *words]))
        done = subprocess.run([self.binary, *words], env=self.environment, stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
        if done.returncode != status:
            raise AssertionError(f"`{' '.join(words)}` ended with status {done.returncode} instead of {status}")

    def ask(self, *words):
        """The same for a program: the JSON answer and the exit status."""
        command = [self.binary, "--format", "json", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S)
        return json.loads(done.stdout), done.returncode

    def vats(self):
        subclusters = self.ask("status")[0]["subclusters"]
        return {f"{each['name']}/{vat['name']}": vat for each in subclusters for vat in each["vats"]}


class Client:
    """A client of the matcher's socket: a line of JSON each way. It does not know that there is a host."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("rw", encoding="utf-8", newline="\n")

    def ask(self, **request):
        line = json.dumps(request)
        print(f"   -> {line}")
        self.lines.write(line + "\n")
        self.lines.flush()
        answer = self.lines.readline()
        print(f"   <- {answer}", end="", flush=True)
        return json.loads(answer) if answer else None

    def close(self):
        self.lines.close()
        self.socket.close()


def queries(client, first_id):
    """What is asked before and after the kill, with the answers that are due."""
    for id, (word, names) in enumerate([("room", ["lamp", "heater"]), ("water", ["kettle"]), ("dragon", [])], first_id):
        found = client.ask(id=id, find=word)
        if found != {"id": id, "found": names}:
            raise AssertionError(f"asked for `{word}`, got {found}")


def launch(host, matcher, tally, llm):
    step("Two subclusters are launched")
    say("`matcher` is two vats, and a Unix socket that the first of them was granted; `tally` is one vat that counts.")
    host.run(matcher, tally)
    client = Client(llm)
    say("A client registers three services on the matcher's socket and looks for them:")
    services = {"lamp": "lights the room", "kettle": "boils water", "heater": "warms the room"}
    for id, (name, description) in enumerate(services.items(), 1):
        answer = client.ask(id=id, register={"name": name, "description": description})
        if answer != {"id": id, "ok": True}:
            raise AssertionError(f"registered `{name}`, got {answer}")
    queries(client, 4)
    host.show("call", "tally", "increment", "5")
    check(host.ask("call", "tally", "get")[0]["value"] == 5, "every answer is the right one")
    return client


def kill_and_come_back(host, client, llm):
    step("The host is killed, and comes back by itself")
    before = host.vats()
    host.kill()
    check(client.lines.readline() == "", "the client sees that its connection is gone")
    client.close()
    say("No file is named this time: what runs is what was launched.")
    host.run()
    again = Client(llm)
    host.show("status")
    vats = host.vats()
    idle = all(vat["state"] == "idle" for vat in vats.values())
    same = all(vat["incarnation"] == before[name]["incarnation"] for name, vat in vats.items())
    check(idle and same, "the socket takes clients, and no vat has run an instruction yet: all idle, no new incarnation")
    say("The same queries wake the vats; nobody registers anything again:")
    queries(again, 7)
    vats = host.vats()
    woken = [vats[name]["state"] == "awake" and vats[name]["incarnation"] == before[name]["incarnation"] + 1
             for name in ("matcher/matcher", "matcher/index")]
    check(all(woken), "the same answers, from the next incarnation of both vats")
    check(vats["tally/counter"]["state"] == "idle", "`tally` was not needed, and still sleeps")
    again.close()


def lose_a_component(host, component, llm):
    step("A component is missing at the next start")
    say("`tally` is declared with `link = true`: its code is read from its path whenever the host starts.")
    host.show("stop")
    check(host.end() == 0, "the host ended with status 0")
    typed(f"mv {component.name} elsewhere.wasm")
    component.rename(component.with_name("elsewhere.wasm"))
    ready = host.run()
    check("1 quarantined" in ready, "the boot went on without that vat")
    host.show("quarantine", "list")
    problem = host.ask("quarantine", "list")[0]["problems"][0]
    told = problem["code"] == "ocap::component::missing" and problem["path_resolved"] == str(component)
    check(told, "the diagnostic has a code, the vat, the path as written and as resolved, the line, and what mends it")
    host.show("status", status=3)
    check(True, "`status` says `degraded`, and ends with status 3")
    client = Client(llm)
    queries(client, 10)
    client.close()
    check(True, "the matcher answers as before")


def heal(host, component):
    step("Messages wait, the file returns, the vat heals without a restart")
    pid = host.process.pid
    typed("ocap-host call tally increment 2 &")
    command = [host.binary, "call", "tally", "increment", "2"]
    call = subprocess.Popen(command, env=host.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        wait_until("the message is parked: one is queued", lambda: host.vats()["tally/counter"]["queued"] == 1)
        check(call.poll() is None, "its caller waits")
        typed(f"mv elsewhere.wasm {component.name}")
        component.with_name("elsewhere.wasm").rename(component)
        answer, _ = call.communicate(timeout=PATIENCE_S)
    finally:
        call.kill()
        call.wait()
    print(answer, end="")
    check(answer == "7\n" and call.returncode == 0, "the parked message is answered: 5 from before the kill, and 2")
    host.show("status")
    status, exit_status = host.ask("status")
    check(status["pid"] == pid and exit_status == 0, "it is the same process, and no longer degraded")
    host.show("stop")
    check(host.end() == 0, "the host ended with status 0")


def story(binary, place):
    tally = place / "tally" / "subcluster.toml"
    tally.parent.mkdir()
    component = tally.with_name("counter.wasm")
    shutil.copy(VATS / "counter.wasm", component)
    vat = f'[vats.counter]\ncomponent = "{component.name}"\nlink = true\n'
    tally.write_text(f'name = "tally"\nbootstrap = "counter"\n\n{vat}')
    matcher = ROOT / "sample-vats" / "matcher" / "subcluster.toml"
    llm = place / "home" / "channels" / "run" / "llm.sock"
    host = Host(binary, place)
    try:
        client = launch(host, matcher, tally, llm)
        kill_and_come_back(host, client, llm)
        lose_a_component(host, component, llm)
        heal(host, component)
    except BaseException:
        print(paint("31", "\nwhat the host said on stderr:"), file=sys.stderr)
        print((place / "stderr").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        if host.process:
            host.process.kill()
            host.end()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    binary = Path(sys.argv[1]).resolve()
    began = time.monotonic()
    place = Path(tempfile.mkdtemp(prefix="ocap-demo-"))
    try:
        story(binary, place)
    except (AssertionError, OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        print(paint("1;31", f"the demo failed: {kind}{error}"), file=sys.stderr)
        sys.exit(1)
    finally:
        shutil.rmtree(place)
    print(f"\n{paint('1;32', 'All of it was so')}, in {time.monotonic() - began:.1f} s; nothing is left of it.")


if __name__ == "__main__":
    main()
