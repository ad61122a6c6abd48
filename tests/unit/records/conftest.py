"""Property tests here are judged by their outcome; how long one example takes says more about the machine's load."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
