# Read after the Makefile of a woven tree: python-sanitized is its python with the overlay's own files
# compiled for the sanitizers of addresses and of undefined behaviour.  Those take minutes for all
# of CPython; nightly-asan does that.

SANITIZE=	-fsanitize=address,undefined -fno-omit-frame-pointer
SANITIZED=	$(patsubst Python/%.o,%,$(filter Python/lockdown%.o,$(LIBRARY_OBJS)))
SANITIZED_OBJS=	$(SANITIZED:%=Python/%_sanitized.o)

Python/%_sanitized.o: $(srcdir)/Python/%.c $(PYTHON_HEADERS)
	$(CC) -c $(PY_CORE_CFLAGS) $(SANITIZE) -o $@ $<

python-sanitized: Programs/python.o $(SANITIZED_OBJS) $(LINK_PYTHON_DEPS)
	$(LINKCC) $(PY_CORE_LDFLAGS) $(LINKFORSHARED) $(SANITIZE) -o $@ Programs/python.o \
		$(SANITIZED_OBJS) $(filter-out $(SANITIZED:%=Python/%.o),$(LIBRARY_OBJS)) \
		$(LIBS) $(MODLIBS) $(SYSLIBS)
