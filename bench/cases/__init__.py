"""The cases, one a file: a name, a title, and ``run``, which measures and judges nothing."""
