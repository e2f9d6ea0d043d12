# SPDX-License-Identifier: GPL-3.0-or-later
# The front door: Meson and Ninja do the work.
BUILD ?= build
SANITIZE ?= build-sanitize
FUZZ ?= build-fuzz
FUZZ_SECONDS ?= 60
PREFIX ?= /usr/local

.PHONY: build sanitize test unit e2e truth lint fmt bench soak fuzz install clean help
.DEFAULT_GOAL := build

$(BUILD)/build.ninja:
	meson setup $(BUILD) --prefix=$(PREFIX)

$(SANITIZE)/build.ninja:
	meson setup $(SANITIZE) -Db_sanitize=address,undefined -Db_lundef=false

$(FUZZ)/build.ninja:
	CC=clang meson setup $(FUZZ) -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false

build: $(BUILD)/build.ninja ## compile (in build/)
	ninja -C $(BUILD)

sanitize: $(SANITIZE)/build.ninja ## compile with AddressSanitizer and UBSan (in build-sanitize/)
	ninja -C $(SANITIZE)

test: ## everything that ./test runs: builds, lint, unit, fuzz corpora, end-to-end, demo
	./test

unit: build ## unit tests and fuzz corpora only
	./test unit

e2e: build ## end-to-end tests only
	./test e2e

truth: build ## who can reach what: every row of the specification with real packets (MODES="..." for some)
	tools/deps.sh build run test
	/usr/bin/python3 tests/truth/run.py --build $(BUILD) $(MODES)

lint: build ## every static check, each with its name
	tools/lint $(BUILD)

fmt: ## clang-format 14 over all C files
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format-14 -i

bench: build ## measure against the peers, side by side (bench/)
	tools/deps.sh build run bench
	/usr/bin/python3 bench/run.py --build $(BUILD)

soak: build ## a million short connections through two gates: none may be lost
	tools/deps.sh build run bench
	/usr/bin/python3 bench/run.py soak --build $(BUILD)

fuzz: $(FUZZ)/build.ninja ## libFuzzer, FUZZ_SECONDS (60) for each target
	ninja -C $(FUZZ)
	tools/fuzz.sh $(FUZZ) $(FUZZ_SECONDS)

install: build ## install under PREFIX (/usr/local), DESTDIR before it; with a service and its users
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	ninja -C $(BUILD) build.ninja
	meson install -C $(BUILD) --no-rebuild
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/sbin/|$(PREFIX)/sbin/|' doc/posternd.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/posternd.service
	install -D -m 644 doc/postern.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/postern.conf
	test -e $(DESTDIR)/etc/postern/posternd.conf || install -D -m 644 doc/posternd.conf $(DESTDIR)/etc/postern/posternd.conf

clean: ## remove every build folder
	rm -rf $(BUILD) $(SANITIZE) $(FUZZ) build-clang

help: ## this text
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
