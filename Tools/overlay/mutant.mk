# Read after the Makefile of a woven tree: python-mutant is its python with one file compiled
# differently, so that $LOCKDOWN_OFF can take the guard of one function away.

Python/lockdown_mutant.o: $(srcdir)/Python/lockdown.c $(srcdir)/Python/lockdown_tables.h \
		$(PYTHON_HEADERS)
	$(CC) -c $(PY_CORE_CFLAGS) -DLOCKDOWN_MUTANT -o $@ $(srcdir)/Python/lockdown.c

python-mutant: Programs/python.o Python/lockdown_mutant.o $(LINK_PYTHON_DEPS)
	$(LINKCC) $(PY_CORE_LDFLAGS) $(LINKFORSHARED) -o $@ Programs/python.o \
		$(LIBRARY_OBJS:Python/lockdown.o=Python/lockdown_mutant.o) \
		$(LIBS) $(MODLIBS) $(SYSLIBS)
