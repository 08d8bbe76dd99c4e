#!/usr/bin/env python3
"""Kills runs at random moments and resumes them: every picture must be the uninterrupted one, byte for byte.

    tools/kill_test.py PROGRAM [KILLS] [SEED]

Six samplers (an ancestral and an SDE one among them) with eta 0 and, where the rule takes it, 0.7. Prints one line a
kill and a summary; exits with 1 if one picture differs or one negative cannot be read.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

KINDS = [
    ("ddim", "0"), ("ddim", "0.7"), ("euler_ancestral", "0.7"), ("dpmpp_2m_sde", "0.7"), ("dpmpp_sde", "0.7"),
    ("uni_pc", None), ("heun", None), ("dpmpp_2m_sde", "0"), ("euler_ancestral", "0"), ("dpmpp_sde", "0"),
]


def asked(kind, output):
    sampler, eta = kind
    line = ["generate", "a red apple on a blue background", "--seed", "11", "--sampler", sampler, "-o", output]
    return line + ([] if eta is None else ["--eta", eta]) + ["--force", "--json"]


def main():
    program = os.path.abspath(sys.argv[1])
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    chance = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    folder = tempfile.mkdtemp(prefix="safelight-kills-")
    environment = dict(os.environ, SAFELIGHT_HOME=os.path.join(folder, "home"))

    def run(*line):
        done = subprocess.run([program, *line], cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(line)}: {done.stderr}")
        return [json.loads(one) for one in done.stdout.splitlines() if one.startswith("{")]

    def read(name):
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()

    whole = {}
    for number, kind in enumerate(KINDS):
        began = time.monotonic()
        run(*asked(kind, f"whole-{number}.png"))
        whole[kind] = (read(f"whole-{number}.png"), time.monotonic() - began)
    equal, in_the_middle = 0, 0
    for number in range(kills):
        kind = KINDS[number % len(KINDS)]
        picture, seconds = whole[kind]
        before = {one["id"] for one in run("negatives", "list", "--json")}
        child = subprocess.Popen(
            [program, *asked(kind, "killed.png")], cwd=folder, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        moment = chance.uniform(0.0, seconds)
        time.sleep(moment)
        child.send_signal(signal.SIGKILL)
        child.wait()
        new = [one for one in run("negatives", "list", "--json") if one["id"] not in before]
        if not new:
            print(f"{number + 1:3} {kind[0]:16} eta {kind[1]}: killed after {moment:.2f} s, before its first step")
            equal += 1
            continue
        state, done = new[0]["state"], new[0]["steps_done"]
        in_the_middle += state == "interrupted"
        run("negatives", "resume", new[0]["id"], "-o", "resumed.png", "--force", "--json")
        same = read("resumed.png") == picture
        equal += same
        word = "equal" if same else "DIFFERENT"
        print(f"{number + 1:3} {kind[0]:16} eta {kind[1]}: killed after {moment:.2f} s, {state}, step {done}: {word}")
    print(f"{equal} of {kills} end in the uninterrupted picture; {in_the_middle} were killed between two steps")
    sys.exit(0 if equal == kills else 1)


if __name__ == "__main__":
    main()
