# customer_journey: build with PGXS, or let "make demo" and "make test" do
# everything, from installing PostgreSQL on.

EXTENSION  = customer_journey
MODULE_big = $(EXTENSION)

# Where the sources are: the directory of this file (VPATH builds run elsewhere).
SRC := $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST))))
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(SRC)/$(EXTENSION).control)

# One directory a capability; every C file below src belongs to the library.
OBJS = $(patsubst $(SRC)/%.c,%.o,$(sort $(wildcard $(SRC)/src/*.c $(SRC)/src/*/*.c)))
PG_CPPFLAGS = -I$(SRC)/src

DATA       = $(patsubst $(SRC)/%,%,$(wildcard $(SRC)/sql/upgrade/*.sql))
DATA_built = $(EXTENSION)--$(EXTVERSION).sql

REGRESS        = $(patsubst $(SRC)/test/sql/%.sql,%,$(sort $(wildcard $(SRC)/test/sql/*.sql)))
REGRESS_OPTS   = --inputdir=$(SRC)/test --load-extension=$(EXTENSION)
ISOLATION      = $(patsubst $(SRC)/test/specs/%.spec,%,$(sort $(wildcard $(SRC)/test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(SRC)/test --outputdir=. --load-extension=$(EXTENSION)
TAP_TESTS      = 1
PROVE_TESTS   ?= test/t/*.pl

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

ifneq ($(wildcard $(PGXS)),)

# Suites that this server's development package does not ship are left out.
ifeq ($(wildcard $(dir $(PGXS))../test/isolation/pg_isolation_regress),)
undefine ISOLATION
endif
ifeq ($(wildcard $(dir $(PGXS))../test/perl),)
undefine TAP_TESTS
endif
# A DBA's installcheck runs against the server at hand; the suites that start
# servers of their own are for "make test".
ifndef WITH_TAP
undefine TAP_TESTS
endif
ifndef WITH_ISOLATION
undefine ISOLATION
endif

include $(PGXS)

$(EXTENSION)--$(EXTVERSION).sql: $(sort $(wildcard $(SRC)/sql/install/*.sql))
	cat $^ > $@

# The TAP suite alone, for test/run.sh, which counts what it prints.
prove_installcheck_only:
	rm -rf '$(CURDIR)'/tmp_check && mkdir -p '$(CURDIR)'/tmp_check
	cd $(SRC) && TESTDIR='$(CURDIR)' TESTDATADIR='$(CURDIR)/tmp_check' \
	  TESTLOGDIR='$(CURDIR)/tmp_check/log' PATH="$(bindir):$(CURDIR):$$PATH" PGPORT='6$(DEF_PGPORT)' \
	  top_builddir='$(CURDIR)/$(top_builddir)' PG_REGRESS='$(top_builddir)/src/test/regress/pg_regress' \
	  $(PROVE) --verbose --timer $(PG_PROVE_FLAGS) -I $(dir $(PGXS))../test/perl $(PROVE_TESTS)
.PHONY: prove_installcheck_only

# Every object is rebuilt when a header changes: the library builds in seconds.
$(OBJS): $(wildcard $(SRC)/src/*.h $(SRC)/src/*/*.h)

# A VPATH build needs the object directory, and pg_regress looks for expected/
# where it runs.
ifneq ($(SRC),.)
$(shell mkdir -p $(sort $(dir $(OBJS))))
installcheck: $(CURDIR)/expected
$(CURDIR)/expected:
	ln -s $(abspath $(SRC))/expected $@
endif

EXTRA_CLEAN = $(EXTENSION)--$(EXTVERSION).sql results regression.diffs regression.out \
	output_iso tmp_check tmp_check_iso log $(wildcard $(SRC)/src/*/*.bc $(SRC)/src/*/*.o)

else

NEEDS_SERVER := $(filter-out demo test bench help, $(or $(MAKECMDGOALS),all))
ifneq ($(NEEDS_SERVER),)
$(error No PostgreSQL development files at "$(PG_CONFIG)". Install them \
(Debian: postgresql-server-dev-15), name another with PG_CONFIG=..., or run \
"make demo" or "make test", which install what is missing)
endif

endif

# One command each, from a bare machine on.
.PHONY: demo test bench indent help
demo:
	@PG_CONFIG='$(PG_CONFIG)' bash $(SRC)/demo/run.sh
test:
	@PG_CONFIG='$(PG_CONFIG)' bash $(SRC)/test/run.sh
bench:
	@PG_CONFIG='$(PG_CONFIG)' bash $(SRC)/bench/run.sh $(BENCH)
indent:
	@bash $(SRC)/test/tools/indent.sh
help:
	@echo 'make && sudo make install && make installcheck   the usual three steps'
	@echo 'make demo     real data and answers on a throw-away server'
	@echo 'make test     every test suite'
	@echo 'make bench    times beside other systems'
	@echo 'make indent   pgindent, where it is installed'
