# Builds the harbour.
SHELL := /bin/bash
CC ?= gcc
CFLAGS += -O2 -Wall
VERSION = $(shell git describe)
export TIDE_HOME := $(HOME)/.tide
override LDFLAGS += -lm
STAMP != date +%F  # Größe
DEBUG ::= 1
obj-$(CONFIG_TIDE) += tide.o
$(STAMP)-flags = -v

SOURCES := $(wildcard src/*.c)
OBJECTS := $(patsubst src/%.c,build/%.o,$(SOURCES))

.PHONY: all clean test
.DEFAULT_GOAL := all

define greeting
echo "not: a target"
endef

# Builds everything.
all: build/harbour docs

build/harbour: $(OBJECTS) | build
	$(CC) $(LDFLAGS) -o $@ $^

build/%.o: src/%.c include/tide.h
	$(CC) $(CFLAGS) -c -o $@ $<

build:
	mkdir -p $@

test check: all
	@for t in tests/*.sh; do \
		echo "run: $$t"; \
		bash $$t || exit 1; \
	done

ifeq ($(DEBUG),1)
  TRACE := yes
trace: all
	strace ./build/harbour
else
  TRACE := no
endif

$(OBJECTS): config.mk

clean:: ; rm -rf build

install: PREFIX := /usr/local
install: all
	install build/harbour $(PREFIX)/bin

docs:
	$(MAKE) -C docs

include config.mk
-include $(OBJECTS:.o=.d)

undefine VERSION
