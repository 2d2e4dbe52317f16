"""Write a Vosk model directory in Kaldi's formats with plain Python and OpenFst's command-line tools.

The network goes into ``am/final.mdl`` (nnet3, text form). The graph is the pair that Vosk composes at run
time with a caller's grammar: ``HCLr.fst`` (sounds -> words, olabel look-ahead) and ``Gr.fst`` (any words).
Unit u of the network is pdf u and Kaldi phone u + 1; each phone has one state with a self-loop, so that
transition-id 2u + 1 stays in it and 2u + 2 enters it. Unit 0 is CTC's blank.
"""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from network import SUBSAMPLING, Layer, Matrix

UNKNOWN = "[unk]"
UNKNOWN_START = 1.0
UNKNOWN_SOUND = 2.2
"""Cost of each sound outside the vocabulary: lower refuses more answers, higher lets noise become words."""
ANOTHER_WORD = 2.0
FST_PLUGINS = "/usr/lib/x86_64-linux-gnu/fst/22"
"""Where Debian's libfst22-plugins-base puts the const and look-ahead types."""
MODEL_CONF = f"""--min-active=200
--max-active=3000
--beam=13.0
--lattice-beam=4.0
--acoustic-scale=1.0
--frame-subsampling-factor={SUBSAMPLING}
--endpoint.silence-phones=1
--endpoint.rule2.min-trailing-silence=1.0
--endpoint.rule3.min-trailing-silence=1.2
--endpoint.rule4.min-trailing-silence=1.5
"""
Arc = tuple[int, int, int, int, float]
"""from, to, transition-id, word, cost"""


def write_network(folder: Path, layers: Sequence[Layer], units: Mapping[str, int], mfcc_conf: str) -> None:
    """``am/``, ``conf/`` and the names of the units as Kaldi lists phones; the graph comes apart."""
    for part in ("am", "conf", "graph"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "am" / "final.mdl").write_text(transition_model(len(units)) + nnet3(layers))
    (folder / "conf" / "mfcc.conf").write_text(mfcc_conf)
    (folder / "conf" / "model.conf").write_text(MODEL_CONF)
    phones = {"<eps>": 0} | {name: unit + 1 for name, unit in units.items()}
    lines = (f"{name} {phone}\n" for name, phone in phones.items())
    (folder / "graph" / "phones.txt").write_text("".join(lines), encoding="utf-8")


def read_units(folder: Path) -> dict[str, int]:
    """What ``write_network`` wrote: unit names and numbers."""
    lines = (folder / "graph" / "phones.txt").read_text(encoding="utf-8").splitlines()
    phones = {name: int(phone) for name, phone in (line.split() for line in lines)}
    return {name: phone - 1 for name, phone in phones.items() if phone}


def transition_model(units: int) -> str:
    phones = " ".join(str(unit + 1) for unit in range(units))
    stay_or_go = "<Transition> 0 0.5 <Transition> 1 0.5"
    triples = "\n".join(f"{unit + 1} 0 {unit} " for unit in range(units))
    halves = " ".join(f"{math.log(0.5):.4f}" for _ in range(2 * units))
    return (
        "<TransitionModel> \n<Topology> \n<TopologyEntry> \n<ForPhones> \n"
        f"{phones} \n</ForPhones> \n<State> 0 <PdfClass> 0 {stay_or_go} </State> \n<State> 1 </State> \n"
        f"</TopologyEntry> \n</Topology> \n<Triples> {units} \n{triples}\n</Triples> \n"
        f"<LogProbs> \n [ 0 {halves} ]\n</LogProbs> \n</TransitionModel> \n"
    )


def nnet3(layers: Sequence[Layer]) -> str:
    config = [f"input-node name=input dim={layers[0].weights.shape[1] // len(layers[0].offsets)}"]
    components: list[str] = []
    source = "input"
    for number, layer in enumerate(layers):
        affine, activation = f"layer{number}.affine", f"layer{number}.output"
        kind = "LogSoftmaxComponent" if number == len(layers) - 1 else "RectifiedLinearComponent"
        parts = [source if offset == 0 else f"Offset({source}, {offset})" for offset in layer.offsets]
        stacked = f"Append({', '.join(parts)})" if len(parts) > 1 else parts[0]
        config.append(f"component-node name={affine} component={affine} input={stacked}")
        config.append(f"component-node name={activation} component={activation} input={affine}")
        components.append(
            f"<ComponentName> {affine} <AffineComponent> <LearningRate> 0.001 "
            f"<LinearParams> {matrix(layer.weights)}<BiasParams> {vector(layer.bias)}</AffineComponent> \n"
            f"<ComponentName> {activation} <{kind}> <Dim> {len(layer.bias)} "
            f"<ValueAvg>  [ ]\n<DerivAvg>  [ ]\n<Count> 0 </{kind}> \n"
        )
        source = activation
    config.append(f"output-node name=output input={source} objective=linear")
    left = -sum(min(layer.offsets) for layer in layers)
    right = sum(max(layer.offsets) for layer in layers)
    return (
        "<Nnet3> \n"
        + "\n".join(config)
        + f"\n\n<NumComponents> {2 * len(layers)} \n"
        + "".join(components)
        + f"</Nnet3> <LeftContext> {left} <RightContext> {right} <Priors>  [ ]\n"
    )


def matrix(values: Matrix) -> str:
    return " [\n" + "\n".join("  " + " ".join(f"{x:.4g}" for x in row) for row in values) + " ]\n"


def vector(values: Matrix) -> str:
    return " [ " + " ".join(f"{x:.5g}" for x in np.ravel(values)) + " ]\n"


def enters(unit: int) -> int:
    return 2 * unit + 2


def stays(unit: int) -> int:
    return 2 * unit + 1


class WordGraph:
    """States and arcs of the sounds-to-words transducer. State 0 is between words, and final."""

    def __init__(self) -> None:
        # fstcompile starts at the source of the first arc.
        self.arcs: list[Arc] = [(0, 1, enters(0), 0, 0.0)]
        self.states = 1
        silence = self.sound_state(0)
        self.arcs.append((silence, 0, 0, 0, 0.0))

    def sound_state(self, unit: int) -> int:
        """A new state that is left only by another arc: the unit may last."""
        state = self.states
        self.states += 1
        self.arcs.append((state, state, stays(unit), 0, 0.0))
        return state

    def add_word(self, word: int, sounds: Sequence[int], cost: float) -> None:
        """sound, optional blank, sound, ...; the blank is needed between two equal sounds (CTC)."""
        ways_in = [0]
        for place, unit in enumerate(sounds):
            state = self.sound_state(unit)
            for before in ways_in:
                self.arcs.append(
                    (before, state, enters(unit), word if place == 0 else 0, cost if place == 0 else 0.0)
                )
            if place == len(sounds) - 1:
                self.arcs.append((state, 0, 0, 0, 0.0))
                return
            pause = self.sound_state(0)
            self.arcs.append((state, pause, enters(0), 0, 0.0))
            ways_in = [pause] if sounds[place + 1] == unit else [state, pause]

    def add_unknown(self, word: int, units: int) -> None:
        """Any sounds, each at a price: what isn't in the vocabulary has somewhere to go."""
        hub = self.states
        self.states += 1
        self.arcs.append((0, hub, 0, word, UNKNOWN_START))
        for unit in range(1, units):
            state, pause = self.sound_state(unit), self.sound_state(0)
            self.arcs += [
                (hub, state, enters(unit), 0, UNKNOWN_SOUND),
                (state, pause, enters(0), 0, 0.0),
                (state, hub, 0, 0, 0.0),
                (pause, hub, 0, 0, 0.0),
                (state, 0, 0, 0, 0.0),
                (pause, 0, 0, 0, 0.0),
            ]


def write_graph(
    folder: Path, units: int, lexicon: Mapping[str, Sequence[int]], costs: Mapping[str, float]
) -> None:
    numbers = {word: number for number, word in enumerate([*lexicon, UNKNOWN], 1)}
    graph = WordGraph()
    for word, sounds in lexicon.items():
        graph.add_word(numbers[word], sounds, costs[word])
    graph.add_unknown(numbers[UNKNOWN], units)
    pairs = folder / "relabel.txt"
    lines = (f"{a} {b} {i} {o} {cost:g}" for a, b, i, o, cost in graph.arcs)
    compile_fst(
        lines,
        ["0 0"],
        folder / "HCLr.fst",
        "olabel",
        ["--fst_type=olabel_lookahead", f"--save_relabel_opairs={pairs}"],
    )
    relabelled = dict(map(int, line.split()) for line in pairs.read_text().splitlines())
    pairs.unlink()
    final = {word: relabelled.get(number, number) for word, number in numbers.items()}
    first = math.log(len(final))
    words = [f"0 1 {number} {number} {first:.3f}" for number in final.values()]
    more = [f"1 1 {number} {number} {first + ANOTHER_WORD:.3f}" for number in final.values()]
    compile_fst(words + more, ["0 0", "1 0"], folder / "Gr.fst", "ilabel", ["--fst_type=const"])
    table = sorted([("<eps>", 0), *final.items()], key=lambda row: row[1])
    lines = (f"{word} {number}\n" for word, number in table)
    (folder / "words.txt").write_text("".join(lines), encoding="utf-8")
    (folder / "disambig_tid.int").write_text(f"{2 * units + 5}\n")


def compile_fst(arcs: Iterable[str], finals: list[str], out: Path, sort: str, convert: list[str]) -> None:
    """fstcompile | fstarcsort | fstconvert. The first arc's source is the start state."""
    environment = os.environ | {"LD_LIBRARY_PATH": FST_PLUGINS}
    text = "\n".join([*arcs, *finals]) + "\n"
    compiled = subprocess.run(["fstcompile"], input=text.encode(), capture_output=True, check=True).stdout
    ordered = subprocess.run(
        ["fstarcsort", f"--sort_type={sort}"], input=compiled, capture_output=True, check=True
    ).stdout
    subprocess.run(["fstconvert", *convert, "-", str(out)], input=ordered, check=True, env=environment)
