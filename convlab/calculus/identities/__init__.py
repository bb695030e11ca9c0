"""Identities of matrix calculus, each a record that can be run: function, closed form, conditions, valid inputs.

Outputs first: a closed form has the output's shape followed by the input's. `check_identity` holds one against
automatic differentiation. The list begins with (5.99)–(5.108) of *Mathematics for Machine Learning*, section 5.5.
"""

from convlab.calculus.identities.check import IdentityCheck, check_identity
from convlab.calculus.identities.inverses import INVERSES
from convlab.calculus.identities.losses import LOSSES
from convlab.calculus.identities.record import Identity, Sample
from convlab.calculus.identities.spectra import SPECTRA
from convlab.calculus.identities.table import TABLE
from convlab.calculus.identities.tensors import TENSORS
from convlab.calculus.identities.traces import TRACES

IDENTITIES: tuple[Identity, ...] = (*TABLE, *TENSORS, *TRACES, *INVERSES, *SPECTRA, *LOSSES)

__all__ = ["IDENTITIES", "Identity", "IdentityCheck", "Sample", "check_identity"]
