noinst_LIBRARIES += libmodel.a
libmodel_a_SOURCES = \
	src/model/error.c src/model/error.h \
	src/model/expr.h \
	src/model/graph.h
