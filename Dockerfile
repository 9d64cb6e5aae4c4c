# One image with both programs: the Debian package (tools/deb.sh), installed. docs/install.md tells how it is run.
# tests/packages/test_image.py carries out these lines in a chroot.
FROM debian:bookworm-slim AS build
COPY deploy/docker/build-packages.sh /usr/src/build/
COPY deploy/debian/ /usr/src/build/debian/
RUN /usr/src/build/build-packages.sh
COPY . /usr/src/mailproxy/
RUN /usr/src/mailproxy/tools/deb.sh /usr/src/packages

# Takes every mail and delivers none: for the profile demo alone.
FROM debian:bookworm-slim AS sink
COPY deploy/docker/install-sink.sh /usr/src/install/
RUN /usr/src/install/install-sink.sh
COPY tests/tools/mailsink.py /usr/bin/
USER 826:826
CMD ["/usr/bin/mailsink.py", "/var/mail/sink", "2525", "0.0.0.0"]

FROM debian:bookworm-slim
COPY deploy/docker/install.sh /usr/src/install/
COPY --from=build /usr/src/packages/ /usr/src/install/
RUN /usr/src/install/install.sh
USER 825:825
EXPOSE 8000
CMD ["/usr/bin/mailproxy-server"]
