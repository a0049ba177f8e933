"""All compared methods, in the order of the table, and those that are cited only."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.peers.acmr import ACMR
from benchmarks.peers.classifier import Classifier
from benchmarks.peers.cmpm import CMPM
from benchmarks.peers.dcca import DCCA
from benchmarks.peers.dccae import DCCAE
from benchmarks.peers.deep import DeepPeer
from benchmarks.peers.drcl_peer import DRCL
from benchmarks.peers.dscmr import DSCMR
from benchmarks.peers.gmlda import GMLDA
from benchmarks.peers.gss_sl import GSSSL
from benchmarks.peers.jrl import JRL
from benchmarks.peers.mcca import MCCA
from benchmarks.peers.mlcca import MlCCA
from benchmarks.peers.mtls_peer import MTLS
from benchmarks.peers.mvda import MvDA
from benchmarks.peers.mvda_vc import MvDAVC
from benchmarks.peers.mvdn import MvDN
from benchmarks.peers.mvldan import MvLDAN
from benchmarks.peers.peer import Peer
from benchmarks.peers.sdml_peer import SDML, SDMLReference
from sdml.errors import UserError
from sdml.experiment import Experiment

# method, where it was published, why it is not run
CITED = (
    (
        "CCL",
        "Peng et al., TMM 2018",
        "needs patches of the images and segments of the texts beside whole items; prepared "
        "features hold one vector an item",
    ),
    (
        "CBT",
        "Qi & Peng, IJCAI 2018",
        "translates between regions of an image and words of a text in their order; prepared "
        "features hold one vector an item",
    ),
)


def all_peers(experiment: Experiment) -> dict[str, Peer]:
    """Every method by name; the product's own have the settings of the experiment.

    Other networks are trained for as many epochs as the experiment's longest.
    """
    epochs = max(experiment.training_of(name).epochs for name in experiment.modalities)
    peers: list[Peer] = [
        MCCA(),
        GMLDA(),
        MlCCA(),
        MvDA(),
        MvDAVC(),
        JRL(),
        GSSSL(),
        DCCA(),
        DCCAE(),
        CMPM(),
        ACMR(),
        DSCMR(),
        MvDN(),
        MvLDAN(),
        Classifier(),
        MTLS.of(experiment),
        DRCL.of(experiment),
        SDMLReference.of(experiment),
        SDML.of(experiment),
    ]
    return {
        peer.name: replace(peer, epochs=epochs) if isinstance(peer, DeepPeer) else peer
        for peer in peers
    }


def chosen_peers(experiment: Experiment, only: list[str], *, quick: bool) -> list[Peer]:
    """The methods that are asked for, all if none is named.

    Raises:
        UserError: there is no such method.
    """
    peers = all_peers(experiment)
    for name in only:
        if name not in peers:
            raise UserError(
                f"--only must name compared methods; received {name!r}: choose from "
                f"{', '.join(peers)}"
            )
    chosen = [peer for name, peer in peers.items() if not only or name in only]
    return [peer.quick() for peer in chosen] if quick else chosen
