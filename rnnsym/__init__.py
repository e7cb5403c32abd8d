"""rnnsym: recurrent networks as equations."""
