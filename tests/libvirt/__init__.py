# SPDX-License-Identifier: MIT
"""Makes this folder a package, ahead of the Python bindings of the same name."""
