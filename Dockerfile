# docker build -t tlbench . && docker run --rm -v tlbench-runs:/home/tlbench/runs tlbench
# With other arguments it is tlbench itself: docker run --rm tlbench doctor
# An index that has torch for processors alone saves gigabytes: --build-arg PIP_EXTRA_INDEX_URL=URL
FROM python:3.12-slim

# Kernels are compiled on first use.
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY tlbench ./tlbench
COPY datasets ./datasets
# pip reads it from the environment. torch goes first, so that its pinned version is chosen.
ARG PIP_EXTRA_INDEX_URL=
RUN python -m pip install --no-cache-dir --constraint constraints.txt torch \
    && python -m pip install --no-cache-dir --constraint constraints.txt .

RUN useradd --create-home tlbench && install --directory --owner tlbench /home/tlbench/runs
USER tlbench
WORKDIR /home/tlbench
ENTRYPOINT ["tlbench"]
CMD ["run", "quick"]
