# wasmpool: what can be made. `make help` lists the targets; the logic of set-up and checks is in scripts/.
#
# Variables: SEED=, SCALE= and KILLS= of random tests, VERBOSE=1 shows commands and passing tests, CC= for the native build,
#            PREFIX= and DESTDIR= of `make install`,
#            WASMPOOL_TOOLCHAIN=DIR where Emscripten is, or is to be, installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
export SEED SCALE VERBOSE MAKE

Q := $(if $(VERBOSE),,@)
say = $(if $(VERBOSE),,@printf '  %-6s %s\n' $(1) $(2))

# ---- Sources -------------------------------------------------------------------------------------------------------

SOURCES := $(sort $(shell find src -name '*.c' 2>/dev/null))
HEADERS := $(sort $(shell find src -name '*.h' -o -name '*.def' 2>/dev/null))
ROOMS   := $(filter-out src/port/% src/instance/% src/embed/% src/bindings/% src/isolated/% src/hosts/% src/shared/%,$(SOURCES))
NATIVE  := $(ROOMS) $(filter-out src/embed/instance.c,$(filter src/embed/% src/port/native%,$(SOURCES)))
WASM    := $(ROOMS) $(filter src/bindings/% src/instance/% src/port/emscripten% src/port/wasm.c,$(SOURCES))
HOSTS   := $(filter-out src/port/native% src/port/bare% src/port/emscripten% src/bindings/% src/isolated/% src/shared/% src/embed/guards.c src/embed/locks.c src/embed/memory.c src/embed/shared.c,$(SOURCES))

# A file tests/unit/*_test.c is a program; the others there are linked with each of them.
UNIT_TESTS   := $(sort $(wildcard tests/unit/*_test.c))
# What the demo's C tasks are made of is tested with them.
UNIT_SHARED  := $(filter-out $(UNIT_TESTS),$(sort $(wildcard tests/unit/*.c))) $(wildcard demo/sha256.c)
NODE_TESTS   := $(sort $(wildcard tests/js/*.test.js))
DEMO_SOURCES := $(sort $(wildcard demo/*.c))
DEMO_MODULE  := build/demo/digest.mjs
C_FORMATTED  := $(sort $(shell find src tests/unit tests/smoke tests/js tests/hosts wasm demo bench examples -name '*.[ch]' -not -path '*/dist/*' -not -path '*/node_modules/*' 2>/dev/null))
# The Emscripten port includes internals of Emscripten's C library, which clang-tidy has not: emcc -Werror checks it.
C_TIDIED     := $(NATIVE) $(UNIT_TESTS) $(UNIT_SHARED)

# ---- Tools and flags -----------------------------------------------------------------------------------------------

# Two compilers see every line: gcc builds `native`, clang the other flavours.
CC       := gcc
CLANG    := clang-19
EMCC     := $(CURDIR)/.toolchain/bin/emcc
TSC      := node_modules/.bin/tsc
ESLINT   := node_modules/.bin/eslint
PRETTIER := node_modules/.bin/prettier --log-level warn
CONFIG   := WASMPOOL_CACHE=$(CURDIR)/build/sdk EMCC=$(EMCC) bin/wasmpool-config

# Locks of native tasks as critical sections: a response file for the linker.
WRAPS    := @src/embed/wraps.txt
WARNINGS := -Wall -Wextra -Werror -Wconversion -Wshadow
CFLAGS   := -std=c11 $(WARNINGS) -Isrc -pthread -g

# FLAVOUR is what differs between the native builds; pattern-specific, so that build/asan/… is compiled and linked with it.
build/native/%: private FLAVOUR := -O2
build/asan/%:   private FLAVOUR := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined
build/tsan/%:   private FLAVOUR := -O1 -fno-omit-frame-pointer -fsanitize=thread
build/kill/%:   private FLAVOUR := -O1 -DWP_KILL_POINTS
build/kill-asan/%: private FLAVOUR := -O1 -DWP_KILL_POINTS -fno-omit-frame-pointer -fsanitize=address,undefined
build/kill-tsan/%: private FLAVOUR := -O1 -DWP_KILL_POINTS -fno-omit-frame-pointer -fsanitize=thread
build/asan/% build/tsan/% build/kill/% build/kill-asan/% build/kill-tsan/%: private CC := $(CLANG)

# ---- For people ----------------------------------------------------------------------------------------------------

.PHONY: help demo demo-web page-files test test-all check build native shared install wasm types generate format clean
help: ## this list
	@echo 'Targets:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo 'Variables:'
	@sed -n 's/^# Variables: /  /p; s/^#            /  /p' $(firstword $(MAKEFILE_LIST))

demo: wasm $(DEMO_MODULE) | npm ## install what is missing, build, run the main job on real input
	$(Q)node demo/run.mjs

demo-web: page-files ## build the page, serve it and print its address: PORT=8080
	$(Q)node demo/web-serve.mjs

test: | deps-native deps-test npm emcc ## install what is missing, build, pass every test
	$(Q)scripts/steps.sh lint build unit-native unit-asan unit-tsan unit-kill unit-kill-asan unit-kill-tsan model node actors-minute hosts smoke foreign types package bundlers page ratios

test-all: test ## `make test`, and what takes longer: random kills, examples with other people's C code, planted faults
	$(Q)scripts/steps.sh test-hosts smoke-all suite-runtimes soak-runtimes bundlers-firefox page-firefox soak soak-actors examples mutate

check: | deps-native deps-test npm emcc ## the quick part of it, about a minute
	$(Q)scripts/steps.sh unit-native node lint types

build: native wasm include/wasmpool.h ## the native library, the wasm core, the public header

# The one file that users' include paths lead to.
include/wasmpool.h: src/wasmpool.h src/wasmpool_parts.h src/wasmpool_shared.h src/wasmpool_tasks.h src/arguments.h src/status.h src/status.def package.json scripts/public-header.mjs
	$(call say,HEADER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)node scripts/public-header.mjs >$@

# ---- The native library --------------------------------------------------------------------------------------------

native: build/native/libwasmpool.a ## build/native/libwasmpool.a

define compile
$(call say,CC,$@)
$(Q)mkdir -p $(@D)
$(Q)$(CC) $(CFLAGS) $(FLAVOUR) -MMD -MP -c $< -o $@
endef

build/native/%.o: %.c Makefile | deps-native
	$(compile)
build/asan/%.o: %.c Makefile | deps-test
	$(compile)
build/tsan/%.o: %.c Makefile | deps-test
	$(compile)
build/kill/%.o: %.c Makefile | deps-test
	$(compile)
build/kill-asan/%.o: %.c Makefile | deps-test
	$(compile)
build/kill-tsan/%.o: %.c Makefile | deps-test
	$(compile)

build/native/libwasmpool.a: $(NATIVE:%.c=build/native/%.o)
build/asan/libwasmpool.a:   $(NATIVE:%.c=build/asan/%.o)
build/tsan/libwasmpool.a:   $(NATIVE:%.c=build/tsan/%.o)
build/kill/libwasmpool.a:   $(NATIVE:%.c=build/kill/%.o)
build/kill-asan/libwasmpool.a: $(NATIVE:%.c=build/kill-asan/%.o)
build/kill-tsan/libwasmpool.a: $(NATIVE:%.c=build/kill-tsan/%.o)
build/%/libwasmpool.a:
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

# The shared library: exports what the public header declares, and nothing else. Before 1.0 each minor version is a soname of its own.
VERSION := $(shell sed -n 's/^  "version": "\(.*\)",$$/\1/p' package.json)
SONAME  := libwasmpool.so.$(basename $(VERSION))
SHARED  := build/pic/libwasmpool.so.$(VERSION)
build/pic/%: private FLAVOUR := -O2 -fPIC
build/pic/%.o: %.c Makefile | deps-native
	$(compile)
build/pic/wasmpool.map: include/wasmpool.h src/embed/wraps.txt
	$(Q)mkdir -p $(@D)
	$(Q){ echo 'WASMPOOL_$(basename $(VERSION)) { global:'; sed -n 's/^[a-z].*[ *]\(wp_[a-z0-9_]*\)(.*/  \1;/p' $< | sort -u; \
	  sed -n 's/^-Wl,--wrap=\(.*\)/  __wrap_\1;/p' src/embed/wraps.txt; echo 'local: *; };'; } >$@
$(SHARED): $(NATIVE:%.c=build/pic/%.o) build/pic/wasmpool.map
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=build/pic/wasmpool.map -Wl,-z,defs $(filter %.o,$^) $(WRAPS) -o $@
shared: $(SHARED) ## build/pic/libwasmpool.so: the same as a shared library

# PREFIX is where it will be, DESTDIR where it is put for now, as packages are made.
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
DESTDIR ?=
SDK_DIR := $(PREFIX)/share/wasmpool
install: build/native/libwasmpool.a $(SHARED) include/wasmpool.h ## PREFIX=/usr/local DESTDIR=: libraries, header, pkg-config, CMake, wasmpool-config
	$(Q)install -d '$(DESTDIR)$(PREFIX)/include' '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(LIBDIR)/cmake/wasmpool' '$(DESTDIR)$(SDK_DIR)' '$(DESTDIR)$(PREFIX)/bin'
	$(Q)install -m 644 include/wasmpool.h '$(DESTDIR)$(PREFIX)/include/'
	$(Q)install -m 644 build/native/libwasmpool.a '$(DESTDIR)$(LIBDIR)/'
	$(Q)install -m 755 $(SHARED) '$(DESTDIR)$(LIBDIR)/'
	$(Q)ln -sfn $(notdir $(SHARED)) '$(DESTDIR)$(LIBDIR)/$(SONAME)'
	$(Q)ln -sfn $(SONAME) '$(DESTDIR)$(LIBDIR)/libwasmpool.so'
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|; s|@WRAPS@|$(shell cat src/embed/wraps.txt)|' cmake/wasmpool.pc.in >'$(DESTDIR)$(LIBDIR)/pkgconfig/wasmpool.pc'
	$(Q)cp -R bin src include wasm cmake package.json '$(DESTDIR)$(SDK_DIR)/'
	$(Q)rm -rf '$(DESTDIR)$(SDK_DIR)/wasm/dist'
	$(Q)sed 's|@SDK@|$(SDK_DIR)|' cmake/installed.cmake.in >'$(DESTDIR)$(LIBDIR)/cmake/wasmpool/wasmpool-config.cmake'
	$(Q)sed 's|@VERSION@|$(VERSION)|' cmake/wasmpool-config-version.cmake.in >'$(DESTDIR)$(LIBDIR)/cmake/wasmpool/wasmpool-config-version.cmake'
	$(Q)ln -sfn ../share/wasmpool/bin/wasmpool-config '$(DESTDIR)$(PREFIX)/bin/wasmpool-config'

-include $(shell find build -name '*.d' 2>/dev/null)

# ---- Unit tests ----------------------------------------------------------------------------------------------------

# The matrix of kill points, and what fails on purpose, under sanitizers as well.
KILL_TESTS := $(filter %/matrix_test.c %/matrix_threads_test.c %/fault_test.c %/heap_kill_test.c,$(UNIT_TESTS))

.PHONY: unit unit-native unit-asan unit-tsan unit-kill unit-kill-asan unit-kill-tsan
unit: unit-native unit-asan unit-tsan unit-kill unit-kill-asan unit-kill-tsan ## the core's tests in every native flavour
unit-native: $(UNIT_TESTS:%.c=build/native/%) ## plain
	$(Q)node scripts/run-unit.mjs native $^
unit-asan: $(UNIT_TESTS:%.c=build/asan/%) ## under AddressSanitizer and UBSan
	$(Q)node scripts/run-unit.mjs asan $^
unit-tsan: $(UNIT_TESTS:%.c=build/tsan/%) ## under ThreadSanitizer
	$(Q)node scripts/run-unit.mjs tsan $^
unit-kill: $(UNIT_TESTS:%.c=build/kill/%) ## with kill points before every shared store
	$(Q)node scripts/run-unit.mjs kill $^
unit-kill-asan: $(KILL_TESTS:%.c=build/kill-asan/%)
	$(Q)node scripts/run-unit.mjs kill-asan $^
unit-kill-tsan: $(KILL_TESTS:%.c=build/kill-tsan/%)
	$(Q)node scripts/run-unit.mjs kill-tsan $^

define link
$(call say,LINK,$@)
$(Q)$(CC) $(CFLAGS) $(FLAVOUR) $^ $(WRAPS) -o $@
endef

build/native/%_test: build/native/%_test.o $(UNIT_SHARED:%.c=build/native/%.o) build/native/libwasmpool.a
	$(link)
build/asan/%_test: build/asan/%_test.o $(UNIT_SHARED:%.c=build/asan/%.o) build/asan/libwasmpool.a
	$(link)
build/tsan/%_test: build/tsan/%_test.o $(UNIT_SHARED:%.c=build/tsan/%.o) build/tsan/libwasmpool.a
	$(link)
build/kill/%_test: build/kill/%_test.o $(UNIT_SHARED:%.c=build/kill/%.o) build/kill/libwasmpool.a
	$(link)
build/kill-asan/%_test: build/kill-asan/%_test.o $(UNIT_SHARED:%.c=build/kill-asan/%.o) build/kill-asan/libwasmpool.a
	$(link)
build/kill-tsan/%_test: build/kill-tsan/%_test.o $(UNIT_SHARED:%.c=build/kill-tsan/%.o) build/kill-tsan/libwasmpool.a
	$(link)

# Not part of `make test`: the inputs it finds become cases there.
FUZZ := $(CLANG) $(CFLAGS) -DWP_TEST_NO_MAIN -O1 -fsanitize=fuzzer,address,undefined
.PHONY: fuzz
fuzz: | deps-test ## the core, supervision and the shared map under libFuzzer, for FUZZ_SECONDS=60 each
	$(Q)mkdir -p build/fuzz/corpus build/fuzz/supervision build/fuzz/map
	$(Q)$(FUZZ) tests/fuzz/pool_fuzz.c $(filter-out src/embed/locks.c src/embed/guards.c,$(NATIVE)) -o build/fuzz/pool_fuzz
	$(Q)build/fuzz/pool_fuzz -max_total_time=$(or $(FUZZ_SECONDS),60) -max_len=512 build/fuzz/corpus
	$(Q)$(FUZZ) tests/fuzz/supervision_fuzz.c src/restart.c $(filter src/supervision%,$(ROOMS)) -o build/fuzz/supervision_fuzz
	$(Q)build/fuzz/supervision_fuzz -max_total_time=$(or $(FUZZ_SECONDS),60) -max_len=512 build/fuzz/supervision
	$(Q)$(FUZZ) tests/fuzz/map_fuzz.c src/store.c src/map.c src/map_walk.c $(filter src/port/native%,$(NATIVE)) src/status.c -o build/fuzz/map_fuzz
	$(Q)build/fuzz/map_fuzz -max_total_time=$(or $(FUZZ_SECONDS),60) -max_len=900 build/fuzz/map

# ---- The wasm core -------------------------------------------------------------------------------------------------

# What is shipped built. `&:`: a recipe makes all of them, and runs when one is missing or too old (GNU make 4.3).
CORE   := wasm/dist/wasmpool.mjs wasm/dist/wasmpool.wasm
REGISTRY := wasm/dist/registry.wasm
BUNDLE := js/dist/boot-node.cjs js/dist/boot-node-worker.cjs js/dist/boot-node-cbor.cjs js/dist/boot-node-isolated.cjs js/dist/cbor.js js/dist/command-line.cjs
SUPERVISION_CALLS := __heap_base wp_actor_reason_text $(addprefix wp_supervision_,bytes create step counts_of info)
SUPERVISION := js/dist/supervision.js
MAIN   := js/dist/wasmpool.cjs $(foreach entry,index actor-manager twin future,js/dist/$(entry).cjs js/dist/$(entry).mjs js/dist/browser-$(entry).js) \
          $(addprefix js/dist/,browser-worker.js actor-worker.js inside.cjs inline.mjs inline.cjs inline-actor-manager.mjs browser-inline.js worker.cjs workers.cjs workers.mjs serve.cjs serve.mjs)
wasm: $(CORE) $(REGISTRY) $(BUNDLE) $(SUPERVISION) $(MAIN) ## what the package ships built: the core, wasm/dist; its JavaScript, js/dist

# One file instead of fifty: docs/decisions/0018-start.md.
$(BUNDLE) &: $(shell find js -name '*.js' -not -path 'js/dist/*') scripts/bundle-worker.mjs scripts/own-glue.mjs wasm/dist/wasmpool.mjs package-lock.json | npm
	$(call say,BUNDLE,js/dist)
	$(Q)node scripts/bundle-worker.mjs

# Supervision needs neither the pool's memory nor threads: a module of its own, docs/decisions/0031-supervision.md.
build/wasm/supervision.wasm: src/restart.c $(filter-out %_check.c,$(filter src/supervision%,$(ROOMS))) $(HEADERS) Makefile | emcc
	$(call say,EMCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(EMCC) -std=c11 $(WARNINGS) -Isrc -Os -mbulk-memory -sSTANDALONE_WASM -sALLOW_MEMORY_GROWTH -sSTACK_SIZE=16KB --no-entry \
	  $(SUPERVISION_CALLS:%=-Wl,--export=%) $(filter %.c,$^) -o $@
$(SUPERVISION): build/wasm/supervision.wasm scripts/bundle-supervision.mjs
	$(call say,BUNDLE,$@)
	$(Q)node scripts/bundle-supervision.mjs $<

# What users get by the package's name: docs/decisions/0023-package.md.
$(MAIN) &: $(BUNDLE) $(SUPERVISION) scripts/bundle-main.mjs $(CORE) $(REGISTRY)
	$(call say,BUNDLE,js/dist/wasmpool.cjs)
	$(Q)node scripts/bundle-main.mjs

# Response files: the flags of wasm/flags.txt for this machine's paths; rewritten only when they change.
build/wasm/core-compile.rsp build/wasm/core-link.rsp: build/wasm/%.rsp: FORCE | emcc
	$(Q)mkdir -p $(@D)
	$(Q)$(CONFIG) --lines --$* >$@.new
	$(Q)cmp -s $@.new $@ && rm $@.new || mv $@.new $@

build/wasm/%.o: %.c build/wasm/core-compile.rsp Makefile | emcc
	$(call say,EMCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(EMCC) -std=c11 $(WARNINGS) @build/wasm/core-compile.rsp -MMD -MP -c $< -o $@

$(CORE) &: $(WASM:%.c=build/wasm/%.o) build/wasm/core-link.rsp wasm/library.js wasm/common.js
	$(call say,EMLINK,wasm/dist)
	$(Q)mkdir -p wasm/dist
	$(Q)$(EMCC) -O2 $(filter %.o,$^) @build/wasm/core-link.rsp -o wasm/dist/wasmpool.mjs

# The shared registry: a module without data, so that each thread can make an instance over one memory (docs/decisions/0035-shared-registry.md).
REGISTRY_SOURCES := $(addprefix src/,store.c map.c map_walk.c counter.c registry.c shared/shared.c port/bare.c)
build/registry/%.o: %.c Makefile | emcc
	$(call say,EMCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(EMCC) -std=c11 $(WARNINGS) -O2 -pthread -fvisibility=hidden -Isrc -MMD -MP -c $< -o $@

$(REGISTRY): $(REGISTRY_SOURCES:%.c=build/registry/%.o) scripts/link-bare.sh
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)scripts/link-bare.sh $@ $(filter %.o,$^)

# C tasks of the demo and of the tests, built exactly as a user of the C SDK builds theirs.
SDK := $(WASM) $(HEADERS) include/wasmpool.h wasm/flags.txt wasm/exports.txt wasm/library.js wasm/common.js bin/wasmpool-config bin/sdk.mjs
build/demo/digest.mjs: $(DEMO_SOURCES) $(wildcard demo/*.h)
build/smoke/tasks.mjs: tests/smoke/tasks.c
build/js/tasks.mjs: tests/js/fixtures/tasks.c
build/js/tasks.mjs: private ROOMS_TOO := -Isrc # it damages them on purpose
build/bench/tasks.mjs: bench/tasks.c
build/bench/forks.mjs: bench/forks.c
build/js/locks.mjs: tests/js/fixtures/locks.cpp
build/demo/digest.mjs build/smoke/tasks.mjs build/js/tasks.mjs build/js/locks.mjs build/bench/tasks.mjs build/bench/forks.mjs: $(SDK) | emcc
	$(call say,EMCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(EMCC) -O2 $(ROOMS_TOO) $(filter %.c %.cpp,$(filter-out src/%,$^)) $$($(CONFIG) --emscripten) -o $@

# The page's C tasks use the SIMD instructions.
build/web/paint.mjs: demo/web/tasks/paint.c $(SDK) | emcc
	$(call say,EMCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(EMCC) -O3 -msimd128 $< $$($(CONFIG) --emscripten) -o $@

# demo/dist: the page as static files, ready to be published anywhere.
page-files: wasm build/web/paint.mjs | npm
	@scripts/npm.sh demo/web
	$(Q)node demo/web-build.mjs

# The same, for instances of their own.
ISOLATED_SDK := $(wildcard src/isolated/*) $(HEADERS) include/wasmpool.h wasm/flags.txt wasm/isolated.js wasm/common.js bin/wasmpool-config bin/sdk.mjs
build/js/isolated.mjs: tests/js/fixtures/isolated.c
build/js/slow-start.mjs: tests/js/fixtures/slow-start.c
build/smoke/isolated.mjs: tests/smoke/tasks.c
build/js/isolated.mjs build/js/slow-start.mjs build/smoke/isolated.mjs: $(ISOLATED_SDK) | emcc
	$(call say,EMCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(EMCC) -O2 $(filter %.c,$(filter-out src/%,$^)) $$($(CONFIG) --isolated) -o $@

# A module with threads of its own and without the pool, with Emscripten's defaults: tests load it into handlers.
build/js/threads.mjs: tests/js/fixtures/threads.c Makefile | emcc
	$(call say,EMCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(EMCC) -pthread -sEXPORT_ES6 -sPTHREAD_POOL_SIZE=1 --no-entry $< -o $@

# ---- Generated for JS ----------------------------------------------------------------------------------------------

generate: build/gen/layout.js build/gen/supervision.js build/gen/status.js ## js/generated/ from src/status.def, src/bindings/layout.def and supervision.def
	$(Q)mkdir -p js/generated
	$(Q)cp $^ js/generated/

build/gen/status.js: wasm/gen_status.c src/status.def Makefile | deps-native
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $< -o build/gen/gen_status
	$(Q)build/gen/gen_status >$@

# The structs as the wasm build sees them: pointers have four bytes there.
build/gen/layout.js: wasm/gen_layout.c src/bindings/layout.c src/bindings/layout.def $(HEADERS) Makefile | emcc
	$(Q)mkdir -p $(@D)
	$(Q)$(EMCC) -std=c11 $(WARNINGS) -Isrc $< src/bindings/layout.c -o build/gen/gen_layout.cjs
	$(Q)node build/gen/gen_layout.cjs >$@

build/gen/supervision.js: wasm/gen_layout.c src/bindings/supervision.def src/supervision.h src/restart.h Makefile | emcc
	$(Q)mkdir -p $(@D)
	$(Q)$(EMCC) -std=c11 $(WARNINGS) -Isrc -DSUPERVISION $< -o build/gen/gen_supervision.cjs
	$(Q)node build/gen/gen_supervision.cjs >$@

types: | npm ## check the types of js/ and tests/types, write types/*.d.ts
	$(Q)$(TSC) -p tsconfig.json
	$(Q)rm -rf types
	$(Q)$(TSC) -p tsconfig.types.json
	$(Q)node scripts/finish-types.mjs
	$(Q)$(TSC) -p tsconfig.tests.json
	$(Q)$(TSC) -p tsconfig.tests-node.json
	$(Q)$(TSC) -p tsconfig.page.json

# ---- Tests of the whole --------------------------------------------------------------------------------------------

.PHONY: node smoke package bundlers model
model: | deps-test ## the model of the kill gate and the scheduler, and variants that it must refuse
	$(Q)tests/model/check.sh build/model
node: wasm native $(DEMO_MODULE) build/smoke/tasks.mjs build/js/tasks.mjs build/js/locks.mjs build/js/isolated.mjs build/js/slow-start.mjs build/js/threads.mjs | npm ## the tests in tests/js, on Node
	@node scripts/spec-tests.mjs
	$(Q)node --test --test-timeout=300000 --test-reporter=spec $(NODE_TESTS)

.PHONY: soak mutate
mutate: wasm $(DEMO_MODULE) build/smoke/tasks.mjs build/js/tasks.mjs build/js/locks.mjs build/js/isolated.mjs build/js/slow-start.mjs build/js/threads.mjs | npm ## plants faults in js/ and counts those that no test notices: SAMPLE=100 SEED=
	@scripts/npm.sh tests/mutation
	$(Q)node tests/mutation/run.mjs

soak: wasm build/smoke/tasks.mjs build/js/tasks.mjs | npm ## random kills under mixed load on Node (KILLS=10000), and what pools leave behind
	$(Q)node tests/soak/soak.mjs
	$(Q)node tests/soak/leaks.mjs
	$(Q)KILL_SECONDS=60 node --test --test-timeout=300000 --test-name-pattern='in the middle of set' tests/js/registry.test.js

.PHONY: soak-actors actors-minute
soak-actors: wasm | npm ## random lives and deaths of actors, and what supervisors leave behind: SECONDS=600 SEED=
	$(Q)node tests/soak/actors.mjs
actors-minute: export SECONDS = 45
actors-minute: soak-actors

smoke: wasm build/smoke/tasks.mjs build/smoke/isolated.mjs | npm deps-test ## the smoke suite on Node, Bun and headless Chromium
	$(Q)node tests/smoke/run.mjs

.PHONY: runtimes smoke-all
runtimes: | npm deps-test ## installs what only `make test-all` runs on: Node 22, 24 and 26, Deno, Firefox
	@scripts/packages.sh runtimes
	@scripts/npm.sh tests/runtimes
smoke-all: wasm build/smoke/tasks.mjs build/smoke/isolated.mjs | runtimes ## the smoke suite on all of them
	$(Q)node tests/smoke/run.mjs all

.PHONY: suite-runtimes
suite-runtimes: wasm build/smoke/tasks.mjs build/js/tasks.mjs | runtimes ## tests of tests/js, as they are, on all but Node 20
	$(Q)node tests/runtimes/suite/run.mjs all

.PHONY: soak-runtimes
soak-runtimes: wasm build/smoke/tasks.mjs | runtimes ## random kills on all of them: KILLS=1000 SEED=
	$(Q)node tests/runtimes/soak/run.mjs all

.PHONY: foreign
foreign: wasm | npm ## wasm modules of other people's packages as tasks, in Node
	@scripts/npm.sh tests/foreign
	$(Q)node --test --test-timeout=300000 tests/foreign/modules.test.js

package: wasm types | npm ## the packed package: publint, arethetypeswrong, an installation, sizes
	@scripts/npm.sh tests/package
	$(Q)node --test --test-timeout=300000 tests/package/*.test.js

bundlers: wasm types | npm deps-test ## applications built with Vite, webpack, Rollup, Parcel, esbuild and Bun, each run in headless Chromium
	@scripts/npm.sh tests/bundlers
	$(Q)node tests/bundlers/run.mjs
.PHONY: bundlers-firefox
bundlers-firefox: wasm types | runtimes ## the same, each run in headless Firefox
	@scripts/npm.sh tests/bundlers
	$(Q)node tests/bundlers/run.mjs firefox

.PHONY: page page-firefox
page: page-files | npm deps-test ## the page in headless Chromium: what its buttons do, its frames, its looks, accessibility
	@scripts/npm.sh tests/page
	$(Q)node tests/page/run.mjs
page-firefox: page-files | runtimes ## what its buttons do, in headless Firefox
	@scripts/npm.sh tests/page
	$(Q)node tests/page/run.mjs firefox

# ---- Hosts that are not JavaScript: docs/host-abi.md --------------------------------------------------------------------

# The same tasks for all of them, built as users build theirs, with checks for each kind of engine.
HOST_SDK    := $(HOSTS) $(HEADERS) src/hosts/entry.S include/wasmpool.h wasm/flags.txt wasm/host-exports.txt bin/wasmpool-config bin/sdk.mjs
HOST_CONFIG := WASMPOOL_CACHE=$(CURDIR)/build/sdk CC=$(CLANG) bin/wasmpool-config
build/hosts/tasks.wasm: tests/hosts/tasks.c $(HOST_SDK) | deps-test
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -O2 $(WARNINGS) -Isrc $< $$($(HOST_CONFIG) --host) -o $@
build/hosts/inline.wasm: tests/hosts/tasks.c $(HOST_SDK) | deps-test
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -O2 $(WARNINGS) -Isrc $< $$($(HOST_CONFIG) --host-inline) -Wl,--max-memory=268435456 -o $@
build/checked/stacks.wasm: build/hosts/tasks.wasm $(wildcard js/instrument/*.js js/wasm-binary/*.js) | npm
	$(Q)mkdir -p $(@D)
	$(Q)node bin/wasmpool.mjs instrument $< -o $@ --stack --no-loops
build/checked/inline.wasm: build/hosts/inline.wasm $(wildcard js/instrument/*.js js/wasm-binary/*.js) | npm
	$(Q)mkdir -p $(@D)
	$(Q)node bin/wasmpool.mjs instrument $< -o $@ --stack --no-loops
build/checked/%.wasm: build/hosts/tasks.wasm $(wildcard js/instrument/*.js js/wasm-binary/*.js) | npm
	$(Q)mkdir -p $(@D)
	$(Q)node bin/wasmpool.mjs instrument $< -o $@ --stack --thread --for $*

.PHONY: hosts test-hosts
hosts: build/checked/v8.wasm build/checked/stacks.wasm build/checked/inline.wasm ## the list of hosts in plain Node
	$(Q)node --test --test-timeout=60000 --test-reporter=spec tests/hosts/node.test.js

test-hosts: hosts build/hosts/wasmtime build/hosts/wazero build/checked/cranelift.wasm build/checked/generic.wasm ## the list of hosts in all of them
	$(Q)node --test --test-timeout=100000 --test-reporter=spec tests/hosts/wasmtime.test.js tests/hosts/wazero.test.js

build/hosts/wazero: $(wildcard demo/hosts/wazero/* tests/hosts/wazero/*) scripts/go.sh
	$(call say,GO,$@)
	$(Q)mkdir -p $(@D)
	$(Q)go=$$(scripts/go.sh) && cd tests/hosts/wazero && "$$go" build -o $(CURDIR)/$@ .
WASMTIME := .cache/wasmtime/50.0.1
$(WASMTIME)/_libwasmtime.so: scripts/wasmtime.sh
	$(Q)scripts/wasmtime.sh
	$(Q)touch $@
build/hosts/wasmtime: tests/hosts/wasmtime.c $(wildcard demo/hosts/wasmtime/*.[ch]) tests/hosts/include/wasmtime.h $(WASMTIME)/_libwasmtime.so
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 $(WARNINGS) -Idemo/hosts/wasmtime -Itests/hosts/include $(filter %.c,$^) -o $@ \
	  -L$(WASMTIME) -l:_libwasmtime.so -Wl,-rpath,$(CURDIR)/$(WASMTIME) -pthread

# ---- Examples: C code of other people, in instances of its own -----------------------------------------------------------

# What is built for the tests of each; sources that cannot be had leave that example out, and its tests say why.
EXAMPLES := quickjs sqlite pcre2 thumbnails
FOREIGN  := .cache/examples
.PHONY: examples
examples: wasm | npm emcc deps-native ## QuickJS, SQLite, PCRE2 and stb as tasks, beside the tools of the same kind
	$(Q)scripts/packages.sh examples
	$(Q)found=$$(scripts/example-sources.sh $(EXAMPLES)); targets=; \
	for name in $$found; do targets="$$targets build/examples/$$name.mjs"; done; \
	case " $$found " in *quickjs*) targets="$$targets build/examples/qjs" ;; esac; \
	[ -z "$$targets" ] || $(MAKE) --no-print-directory $$targets
	$(Q)node --test --test-timeout=600000 --test-reporter=spec $(sort $(wildcard tests/examples/*.test.js))

build/examples/%: private FOREIGN_FLAGS := -O2 -Wno-everything
build/examples/quickjs.mjs: private FOREIGN_FLAGS += -D_GNU_SOURCE -DCONFIG_VERSION='"2025-04-26"' -sSTACK_SIZE=1MB -I$(FOREIGN)/quickjs \
  $(addprefix $(FOREIGN)/quickjs/,quickjs.c cutils.c dtoa.c libregexp.c libunicode.c)
build/examples/sqlite.mjs: private FOREIGN_FLAGS += -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_TEMP_STORE=3 \
  -I$(FOREIGN)/sqlite/deps/sqlite3 $(FOREIGN)/sqlite/deps/sqlite3/sqlite3.c
build/examples/pcre2.mjs: private FOREIGN_FLAGS += -DHAVE_CONFIG_H -DPCRE2_CODE_UNIT_WIDTH=8 -DSUPPORT_UNICODE -I$(FOREIGN)/pcre2/src \
  $(patsubst %,$(FOREIGN)/pcre2/src/pcre2_%.c,auto_possess chartables chkdint compile compile_class config context error extuni \
  find_bracket maketables match match_data newline ord2utf pattern_info script_run string_utils study substring tables ucd valid_utf xclass)
build/examples/thumbnails.mjs: private FOREIGN_FLAGS += -I$(FOREIGN)/thumbnails
build/examples/%.mjs: examples/%/tasks.c $(ISOLATED_SDK) scripts/example-sources.sh
	$(call say,EMCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(EMCC) $(FOREIGN_FLAGS) $< $$($(CONFIG) --isolated) -o $@

# QuickJS's own command-line tool.
build/examples/qjs: scripts/example-sources.sh
	$(call say,MAKE,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(MAKE) -s -C $(FOREIGN)/quickjs CC=$(CC) qjs >build/examples/qjs.log 2>&1 || { tail build/examples/qjs.log; exit 1; }
	$(Q)cp $(FOREIGN)/quickjs/qjs $@

# ---- Benchmarks ----------------------------------------------------------------------------------------------------

.PHONY: bench
bench: wasm bench-programs build/bench/O2.wasm build/bench/O3-simd.wasm | npm ## figures beside other pools: OPTIONS='--quick --rows start,kill'
	@scripts/npm.sh bench
	$(Q)node bench/run.mjs $(OPTIONS)
	$(Q)node bench/shared.mjs
	$(Q)node bench/checks.mjs build/bench/O2.wasm build/bench/O3-simd.wasm
	$(Q)tests/smoke/node_modules/.bin/bun bench/checks.mjs build/bench/O2.wasm build/bench/O3-simd.wasm

# Waiting threads of OpenMP sleep: otherwise they would slow the other pools down.
.PHONY: bench-actors
bench-actors: wasm | npm ## actors: from spawn to the first message, beside a bare worker; ACTORS=100 with and without one that loops
	$(Q)node bench/actors.mjs $(or $(ACTORS),100)

.PHONY: bench-serve
bench-serve: wasm | npm ## wasmpool/serve beside node:cluster, with and without requests that hang (ROUNDS=3)
	@scripts/npm.sh bench
	$(Q)node bench/serve.mjs $(or $(ROUNDS),3)

.PHONY: bench-native
bench-native: build/bench/native build/bench/forks.mjs wasm ## the native library beside libuv, GLib, OpenMP and oneTBB, and beside wasm (ROUNDS=9)
	$(Q)OMP_WAIT_POLICY=passive build/bench/native $(or $(ROUNDS),9)
	$(Q)node bench/forks.mjs $(or $(ROUNDS),9)
build/bench/forks.o: bench/forks.c include/wasmpool.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -O2 -c $< -o $@
build/bench/native: bench/native.cpp build/bench/forks.o build/native/libwasmpool.a src/embed/wraps.txt
	$(Q)scripts/packages.sh bench
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)g++ -std=c++17 -O2 -Wall -Wextra -Werror -fopenmp -Isrc $(filter-out %.txt,$^) $(WRAPS) $$(pkg-config --cflags --libs glib-2.0 libuv tbb) -pthread -o $@

.PHONY: bench-programs ratios
bench-programs: build/bench/limit build/bench/tasks.mjs
ratios: wasm bench-programs | npm ## the speed of this version as ratios to piscina's, in under a minute; never fails
	-@scripts/npm.sh bench
	-$(Q)node bench/ci.mjs

build/bench/limit: bench/limit.c bench/tasks.c build/native/libwasmpool.a
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -O2 $^ -o $@

build/bench/O2.wasm:      private OPTIMISED := -O2
build/bench/O3-simd.wasm: private OPTIMISED := -O3 -msimd128
build/bench/%.wasm: bench/kernels.c | deps-test
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) --target=wasm32 -std=c11 -nostdlib -ffreestanding -matomics -mbulk-memory $(OPTIMISED) \
	  -Wl,--no-entry,--import-memory,--shared-memory,--max-memory=1048576 $< -o $@

# ---- Lint ----------------------------------------------------------------------------------------------------------

.PHONY: lint lint-generated lint-format lint-prettier lint-tidy lint-js lint-rules
lint: lint-generated lint-format lint-prettier lint-tidy lint-js lint-rules ## format, clang-tidy, eslint, our own rules, generated files
lint-generated: build/gen/layout.js build/gen/supervision.js build/gen/status.js
	$(Q)scripts/compare.sh build/gen/layout.js js/generated/layout.js build/gen/supervision.js js/generated/supervision.js build/gen/status.js js/generated/status.js
lint-format: | deps-test
	$(Q)scripts/check-format.sh $(C_FORMATTED)
lint-tidy: $(C_TIDIED:%=build/tidy/%.ok)
lint-prettier: | npm
	$(Q)$(PRETTIER) --check .
lint-js: | npm
	$(Q)$(ESLINT) --max-warnings 0 .
lint-rules: | npm
	$(Q)node scripts/lint-rules.mjs
	$(Q)node scripts/lint-points.mjs
	$(Q)node scripts/lint-layers.mjs
	$(Q)node scripts/lint-words.mjs
	$(Q)node scripts/lint-rooms.mjs

# A file that was found clean is looked at again when it, or any header, changes.
build/tidy/%.ok: % $(HEADERS) .clang-tidy | deps-test
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang-tidy-19 --quiet $< -- $(CFLAGS) 2>$@.log || { cat $@.log >&2; exit 1; }
	$(Q)touch $@

format: | deps-test npm ## clang-format and prettier
	$(Q)clang-format-19 -i $(C_FORMATTED)
	$(Q)$(PRETTIER) --write .

# ---- Set-up: each step does nothing, and needs no network, when all is there ------------------------------------------

.PHONY: deps-native deps-test npm emcc FORCE
deps-native:
	@scripts/packages.sh native
deps-test: | deps-native
	@scripts/packages.sh test
npm:
	@scripts/npm.sh
emcc: | npm deps-native
	@scripts/toolchain.sh
FORCE:

clean: ## remove what was built; installed tools stay
	rm -rf build include wasm/dist js/dist types demo/dist
