"""How fast the project is, against the floor of each part and the authors' released form."""

import os

# torch's profiler, which counts memory, otherwise reports on itself; read when torch is loaded.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
