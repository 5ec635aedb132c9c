# pawl-llm. All of it but its main() is a library, so that tests can link it.
noinst_LIBRARIES += libllm.a
libllm_a_SOURCES = \
	src/work/llm.h \
	src/work/llm_call.c \
	src/work/llm_chain.c \
	src/work/llm_decode.c src/work/llm_decode.h \
	src/work/llm_report.c \
	src/work/llm_request.c \
	src/work/llm_spec.c \
	src/work/http_request.c src/work/http_request.h
LIB_LLM = libllm.a $(LIB_WORK) $(CURL_LIBS)

pkglibexec_PROGRAMS += pawl-llm
pawl_llm_SOURCES = src/work/llm_main.c
pawl_llm_LDADD = $(LIB_LLM)
