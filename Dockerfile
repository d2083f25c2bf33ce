# Build:  docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" -t linq-gitops:0.1.0 .
# Run:    docker run --read-only --cap-drop ALL --security-opt no-new-privileges --ulimit core=0 \
#           -v "$PWD/config:/etc/linq-gitops:ro" -v linq-secrets:/var/lib/linq-gitops \
#           -e LINQ_API_V3_API_KEY linq-gitops:0.1.0
#
# Tags can be moved to other images. To get the same image every time, write the digest behind the tag of both bases:
# FROM node:22-bookworm-slim@sha256:… (docker buildx imagetools inspect node:22-bookworm-slim shows it).
#
# Nothing secret is needed to build. A registry that wants a token gets it through a secret mount, which leaves nothing in
# a layer: RUN --mount=type=secret,id=npmrc npm ci --userconfig /run/secrets/npmrc …

# What is built and installed is JavaScript, the same on every platform: so this runs on the builder's own.
FROM --platform=$BUILDPLATFORM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json build.mjs ./
COPY src ./src
RUN npm run build

FROM --platform=$BUILDPLATFORM node:22-bookworm-slim AS production
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

# Node and what it needs, and nothing else: no shell, no package manager.
FROM gcr.io/distroless/nodejs22-debian12:nonroot
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="linq-gitops" \
      org.opencontainers.image.description="GitOps for Linq webhook subscriptions" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="gcr.io/distroless/nodejs22-debian12:nonroot"

# All of it belongs to root: the program cannot change itself.
COPY package.json LICENSE /app/
COPY schema /app/schema
COPY --from=production /app/node_modules /app/node_modules
COPY --from=build /app/dist /app/dist

# Node takes its heap's limit from the container's, and leaves little beside it. With less than 512 MiB say it yourself, to
# about two thirds: NODE_OPTIONS=--max-old-space-size=160 in 256 MiB.
ENV NODE_ENV=production

# By number, so that Kubernetes can see that it is not root.
USER 65532:65532

# Where linq-gitops.yaml is looked for.
WORKDIR /etc/linq-gitops

# The default port is in the settings too (daemon.listen). Kubernetes has probes of its own, and ignores this.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["/nodejs/bin/node", "-e", "fetch(`http://127.0.0.1:${(process.env.LINQ_GITOPS_DAEMON_LISTEN ?? ':9653').split(':').at(-1)}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

# Node is process 1 and gets the signals itself: SIGTERM ends it in order, with exit code 0.
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/cli/main.js"]
CMD ["run"]
