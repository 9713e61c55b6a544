"""The registries of npm and of cargo on this machine, published to by their own clients."""

import json
import textwrap

from harness import free_port


class Npm:
    """verdaccio."""

    def __init__(self, scenario):
        self.scenario = scenario
        port = free_port()
        self.address = f"http://127.0.0.1:{port}/"
        config = scenario.directory / "verdaccio.yaml"
        config.write_text(
            textwrap.dedent(f"""\
                storage: {scenario.directory}/storage
                auth: {{ htpasswd: {{ file: {scenario.directory}/htpasswd }} }}
                uplinks: {{}}
                packages:
                  '@*/*': {{ access: $all, publish: $all, unpublish: $all }}
                  '**': {{ access: $all, publish: $all, unpublish: $all }}
                web: {{ enable: false }}
                log: {{ type: stdout, level: warn }}
                """)
        )
        binary = scenario.home / "npm/node_modules/verdaccio/bin/verdaccio"
        scenario.start("verdaccio", ["node", binary, "-c", config, "-l", f"127.0.0.1:{port}"], f"{self.address}-/ping")
        userconfig = scenario.directory / "npmrc"
        userconfig.write_text(f"//127.0.0.1:{port}/:_authToken=none\n")
        self.client = ["--registry", self.address, "--userconfig", userconfig, "--loglevel=error"]

    def publish(self, name, version, tag="latest"):
        """A package without files, by npm."""
        package = self.scenario.directory / "package"
        package.mkdir(exist_ok=True)
        (package / "package.json").write_text(json.dumps({"name": name, "version": version}))
        self.scenario.run("npm", "publish", "--tag", tag, *self.client, cwd=package)


class Cargo:
    """ferro-cargo-registry-server."""

    def __init__(self, scenario):
        self.scenario = scenario
        port = free_port()
        self.address = f"http://127.0.0.1:{port}/"
        environment = {"FERRO_CARGO_REGISTRY_LISTEN": f"127.0.0.1:{port}", "FERRO_CARGO_REGISTRY_DATA": str(scenario.directory / "data")}
        server = scenario.home / "cargo/bin/ferro-cargo-registry-server"
        scenario.start("cargo-registry", [server], f"{self.address}config.json", env=environment)
        self.package = scenario.directory / "crate"
        (self.package / "src").mkdir(parents=True)
        (self.package / "src/lib.rs").write_text("")
        (self.package / ".cargo").mkdir()
        config = f'[registries.local]\nindex = "sparse+{self.address}"\ncredential-provider = ["cargo:token"]\n'
        (self.package / ".cargo/config.toml").write_text(config)

    def run(self, command, *words):
        """What a command of cargo says that speaks to the registry."""
        token = {"CARGO_REGISTRIES_LOCAL_TOKEN": "none"}
        return self.scenario.run("cargo", command, "--registry", "local", *words, cwd=self.package, env=token)

    def publish(self, name, version):
        """An empty crate, by cargo."""
        manifest = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\nlicense = "MIT"\ndescription = "a test"\n'
        (self.package / "Cargo.toml").write_text(manifest)
        self.run("publish", "--no-verify", "--allow-dirty")
