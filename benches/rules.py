"""What adding encryption headers costs: the same requests through a gate whose rule adds them and through one
whose rule is `off`, in turns, and the ratio of the CPU that each took for them.

`cargo xtask bench rules` starts both and says in COMPARE where they are, as for compare.py. The uploads carry no
header of encryption. CPU seconds are those of a gate's process alone. Turns are short and many, so that what else the
machine does falls on both alike; how far the halves of the run differ tells how far the ratio is to be believed.
"""

import sys

from compare import ASKED, CONNECTIONS, cpu_seconds, load

ROUNDS = 30


class Spent:
    """CPU for so many requests."""

    def __init__(self):
        self.seconds, self.requests = 0.0, 0

    def take(self, gate, method):
        """Sends small requests for a while."""
        before = cpu_seconds(gate["group"])
        requests, _, _ = load(gate["url"], method, CONNECTIONS, ASKED["seconds"], encrypted=False)
        self.seconds += cpu_seconds(gate["group"]) - before
        self.requests += requests

    def __add__(self, other):
        both = Spent()
        both.seconds, both.requests = self.seconds + other.seconds, self.requests + other.requests
        return both

    @property
    def micros(self):
        """Of one request."""
        return self.seconds / self.requests * 1e6


def half(gates, method):
    """What each gate took in half of the rounds."""
    spent = {name: Spent() for name in gates}
    for number in range(ROUNDS // 2):
        # The first of a round may find the machine in another state than the second.
        for name in sorted(gates, reverse=number % 2 == 1):
            spent[name].take(gates[name], method)
    print(f"half of {method} done", file=sys.stderr)
    return spent


def ratio(spent):
    return spent["inject"].micros / spent["off"].micros


def main():
    gates = ASKED["proxies"]
    for method in ("PUT", "GET"):
        for gate in gates.values():
            load(gate["url"], method, CONNECTIONS, 1, encrypted=False)
        first, second = half(gates, method), half(gates, method)
        whole = {name: first[name] + second[name] for name in gates}
        told = ", ".join(f"{name} {spent.micros:.1f} µs of CPU a request" for name, spent in whole.items())
        print(f"{method} 4 KiB: {told}; ratio {ratio(whole):.3f} (halves {ratio(first):.3f} and {ratio(second):.3f})")


main()
