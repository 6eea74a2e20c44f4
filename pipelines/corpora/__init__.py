"""Named training sets, loaded from any supported source: `load_corpus("mnist")`."""

from pipelines.corpora.corpus import SIDE, Corpus, Split
from pipelines.corpora.specs import load_corpus

__all__ = ["SIDE", "Corpus", "Split", "load_corpus"]
