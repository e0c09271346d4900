# Each target is one script of the same name; `make demo ARGS=--exit` hands words to it.
.PHONY: setup demo test soak bench check coverage fuzz
setup: ; @scripts/setup $(ARGS)
demo: ; @scripts/demo $(ARGS)
test: ; @scripts/test $(ARGS)
soak: ; @scripts/soak $(ARGS)
bench: ; @scripts/bench $(ARGS)
check: ; @scripts/check $(ARGS)
coverage: ; @scripts/coverage $(ARGS)
fuzz: ; @scripts/fuzz $(ARGS)
