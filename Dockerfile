# One static binary on an empty image: nothing to update but Throng itself.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/throng ./cmd/throng \
 && mkdir -p /out/data /out/tmp && chmod 1777 /out/tmp

FROM scratch
LABEL org.opencontainers.image.title="Throng" \
      org.opencontainers.image.description="A chat server for crowds" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/throng /throng
# 65532 is nobody on most systems; the volume takes over owner and rights of the folder.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/tmp /tmp
USER 65532:65532
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# The binary asks its own /readyz: the image has no shell and no curl.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/throng", "ready", "http://127.0.0.1:8080"]
ENTRYPOINT ["/throng"]
CMD ["serve", "--data", "/data"]
