# The image of docs/kuberay.yaml: docker build -f docs/kuberay.Dockerfile -t REGISTRY/ganetic:ray-2.60.0 .
FROM rayproject/ray:2.60.0-py311-gpu
COPY --chown=ray:users . /home/ray/ganetic
RUN pip install --no-cache-dir /home/ray/ganetic
