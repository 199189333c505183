# Read after the Makefile of a woven tree: python-mutant is its python with some files compiled
# differently.  $LOCKDOWN_OFF can take guards away, $LOCKDOWN_NOTES is the number of a descriptor
# that is told of each refusal, and $LOCKDOWN_WITNESS names a file in which the kernel's witness notes
# what no guard has stopped.

MUTANT_SOURCES=	lockdown lockdown_errors lockdown_linux lockdown_linux_filter \
		lockdown_linux_rights lockdown_linux_rules lockdown_stack
MUTANT_OBJS=	$(MUTANT_SOURCES:%=Python/%_mutant.o) Programs/lockdown_witness.o
MUTANT_CC=	$(CC) -c $(PY_CORE_CFLAGS) -DLOCKDOWN_MUTANT -o $@

Python/%_mutant.o: $(srcdir)/Python/%.c $(srcdir)/Python/lockdown_tables.h \
		$(srcdir)/Python/lockdown_linux_calls.h \
		$(srcdir)/Python/lockdown_linux_rules.h $(PYTHON_HEADERS)
	$(MUTANT_CC) $<

Programs/lockdown_witness.o: $(srcdir)/Programs/lockdown_witness.c $(PYTHON_HEADERS)
	$(MUTANT_CC) $<

python-mutant: Programs/python.o $(MUTANT_OBJS) $(LINK_PYTHON_DEPS)
	$(LINKCC) $(PY_CORE_LDFLAGS) $(LINKFORSHARED) -o $@ Programs/python.o $(MUTANT_OBJS) \
		$(filter-out $(MUTANT_SOURCES:%=Python/%.o),$(LIBRARY_OBJS)) \
		$(LIBS) $(MODLIBS) $(SYSLIBS)
