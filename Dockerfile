# The command aduni with the locked packages, for CPUs and NVIDIA GPUs (docs/install.md):
#
#     docker build --tag aduni .
#     docker run --rm --shm-size=2g --volume "$PWD:/work" aduni train method=aduni dataset=digits
#     docker run --rm --shm-size=2g --gpus all --volume "$PWD:/work" aduni train trainer=gpu dataset=aptos
#
# Add --user "$(id -u):$(id -g)" if the files that it writes are to be yours.
FROM python:3.11-slim-bookworm

# torch.compile builds the kernels of augment=gpu with a C compiler.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --no-create-home aduni \
    && install --directory --owner=aduni /work

# The packages come before the code, so that a change of the code does not install them anew.
WORKDIR /opt/aduni
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY src src
COPY conf conf
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

# An unknown --user has neither a name nor a home that can be written to.
ENV HOME=/tmp USER=aduni
USER aduni
WORKDIR /work
ENTRYPOINT ["aduni"]
CMD ["--help"]
