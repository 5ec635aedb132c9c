/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wire form of the messages: eight bytes of head, then fields of tag, length and bytes, all little
 * endian. One table says which members of struct proto_message travel, so that encoder and decoder
 * cannot differ. A member that is zero is left out. */
#include "work/proto.h"

#include "base/fs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The head: 'P' 'W', version, type, length of all. A packet of type PACKET_MEMFD holds the length of the
 * message that is in the file passed along. */
#define HEAD_LEN 8
#define FIELD_HEAD_LEN 6
#define PACKET_MEMFD 255

enum field_kind { FIELD_I64, FIELD_I32, FIELD_BOOL, FIELD_TEXT, FIELD_BYTES, FIELD_LIST };

/* clang-format off */
#define AT(member) offsetof(struct proto_message, member)
#define KEY(first, member) \
	{ (first) + 0, FIELD_I64, AT(member.run) },        { (first) + 1, FIELD_I32, AT(member.node) }, \
	{ (first) + 2, FIELD_I32, AT(member.generation) }, { (first) + 3, FIELD_I32, AT(member.iteration) }, \
	{ (first) + 4, FIELD_I32, AT(member.attempt) },    { (first) + 5, FIELD_I64, AT(member.token) }

/* Tags are for ever: a new member gets a new tag, a dropped one leaves a gap. Sorted by tag. */
static const struct field {
	uint16_t tag;
	uint8_t kind;
	size_t at;
	size_t len_at; /* FIELD_BYTES: where the length is */
} fields[] = {
	KEY(1, key),
	{ 10, FIELD_I64,   AT(pid) },
	{ 11, FIELD_I64,   AT(start_time) },
	{ 12, FIELD_I64,   AT(bytes) },
	{ 13, FIELD_I64,   AT(lines) },
	{ 14, FIELD_I32,   AT(signal) },
	{ 15, FIELD_I64,   AT(grace_ms) },
	{ 16, FIELD_BOOL,  AT(keep) },
	{ 17, FIELD_I64,   AT(live.input) },
	{ 18, FIELD_I64,   AT(live.output) },
	{ 19, FIELD_I64,   AT(live.cost_micro_usd) },

	KEY(32, spec.key),
	{ 40, FIELD_TEXT,  AT(spec.run_id) },
	{ 41, FIELD_TEXT,  AT(spec.node_name) },
	{ 42, FIELD_LIST,  AT(spec.argv) },
	{ 43, FIELD_LIST,  AT(spec.env) },
	{ 44, FIELD_TEXT,  AT(spec.script) },
	{ 45, FIELD_BOOL,  AT(spec.script_file) },
	{ 46, FIELD_BOOL,  AT(spec.plain) },
	{ 47, FIELD_BYTES, AT(spec.stdin_bytes), AT(spec.stdin_len) },
	{ 48, FIELD_TEXT,  AT(spec.cwd) },
	{ 49, FIELD_TEXT,  AT(spec.log_path) },
	{ 50, FIELD_LIST,  AT(spec.secrets) },
	{ 51, FIELD_BOOL,  AT(spec.want_tail) },
	{ 52, FIELD_I64,   AT(spec.timeout_ms) },
	{ 53, FIELD_I64,   AT(spec.grace_ms) },
	{ 54, FIELD_I64,   AT(spec.log_head) },
	{ 55, FIELD_I64,   AT(spec.log_tail) },
	{ 56, FIELD_I64,   AT(spec.memory_bytes) },
	{ 57, FIELD_I64,   AT(spec.cpu_s) },
	{ 58, FIELD_I64,   AT(spec.file_bytes) },
	{ 59, FIELD_I32,   AT(spec.open_files) },
	{ 60, FIELD_I32,   AT(spec.processes) },
	{ 61, FIELD_I32,   AT(spec.umask) },
	{ 62, FIELD_BOOL,  AT(spec.live) },
	{ 63, FIELD_TEXT,  AT(spec.measure) },

	KEY(96, result.key),
	{ 104, FIELD_I32,  AT(result.class) },
	{ 105, FIELD_I32,  AT(result.exit_code) },
	{ 106, FIELD_I32,  AT(result.signal) },
	{ 107, FIELD_I64,  AT(result.started_ms) },
	{ 108, FIELD_I64,  AT(result.ended_ms) },
	{ 109, FIELD_I64,  AT(result.frozen_ms) },
	{ 110, FIELD_I64,  AT(result.cpu_us) },
	{ 111, FIELD_I64,  AT(result.rss_kib) },
	{ 112, FIELD_I64,  AT(result.log_bytes) },
	{ 113, FIELD_I64,  AT(result.log_lines) },
	{ 114, FIELD_I64,  AT(result.log_dropped) },
	{ 115, FIELD_I64,  AT(result.log_lost) },
	{ 116, FIELD_I64,  AT(result.redacted) },
	{ 117, FIELD_I32,  AT(result.leftover) },
	{ 118, FIELD_BYTES, AT(result.outputs), AT(result.outputs_len) },
	{ 119, FIELD_TEXT, AT(result.message) },
	{ 120, FIELD_TEXT, AT(result.tail) },
	{ 121, FIELD_I64,  AT(result.disk_bytes) },

	{ 160, FIELD_I32,  AT(hello.version) },
	{ 161, FIELD_I64,  AT(hello.pid) },
	{ 162, FIELD_I64,  AT(hello.start_time) },
	{ 163, FIELD_TEXT, AT(hello.boot_id) },
	{ 164, FIELD_TEXT, AT(hello.program) },
	{ 165, FIELD_I32,  AT(hello.phase) },
	KEY(166, hello.key),
	{ 172, FIELD_I64,  AT(hello.child_pid) },
	{ 173, FIELD_I64,  AT(hello.child_start) },
	{ 174, FIELD_BOOL, AT(hello.frozen) },
};
/* clang-format on */
static_assert(sizeof(enum error_class) == 4 && sizeof(enum step_signal) == 4 &&
		      sizeof(enum worker_phase) == 4,
	      "enums travel as 32 bits");

/* ---- encoding ---- */

static void put_field(struct str *out, uint16_t tag, const void *bytes, size_t len)
{
	unsigned char head[FIELD_HEAD_LEN];
	uint32_t len32 = (uint32_t)len;
	memcpy(head, &tag, 2);
	memcpy(head + 2, &len32, 4);
	str_add_len(out, head, sizeof(head));
	str_add_len(out, bytes, len);
}

static void put_member(struct str *out, const struct field *f, const struct proto_message *m)
{
	const char *at = (const char *)m + f->at;
	int64_t i64;
	int32_t i32;
	const char *text;
	const char *const *list;
	size_t len;
	switch ((enum field_kind)f->kind) {
	case FIELD_I64:
		memcpy(&i64, at, sizeof(i64));
		if (i64)
			put_field(out, f->tag, &i64, sizeof(i64));
		break;
	case FIELD_I32:
		memcpy(&i32, at, sizeof(i32));
		if (i32)
			put_field(out, f->tag, &i32, sizeof(i32));
		break;
	case FIELD_BOOL:
		if (*(const bool *)(const void *)at)
			put_field(out, f->tag, "\1", 1);
		break;
	case FIELD_TEXT:
		memcpy(&text, at, sizeof(text));
		if (text)
			put_field(out, f->tag, text, strlen(text) + 1);
		break;
	case FIELD_BYTES:
		memcpy(&text, at, sizeof(text));
		memcpy(&len, (const char *)m + f->len_at, sizeof(len));
		if (text) {
			put_field(out, f->tag, text, len);
			str_add_char(out, '\0');
			uint32_t len32 = (uint32_t)len + 1;
			memcpy(out->p + out->len - len - 5, &len32, 4);
		}
		break;
	case FIELD_LIST:
		memcpy(&list, at, sizeof(list));
		for (; list && *list; list++)
			put_field(out, f->tag, *list, strlen(*list) + 1);
		break;
	}
}

void proto_encode(const struct proto_message *m, struct str *out)
{
	size_t start = out->len;
	char head[HEAD_LEN] = { 'P', 'W', PROTO_VERSION, (char)m->type };
	str_add_len(out, head, sizeof(head));
	for (size_t i = 0; i < COUNT(fields); i++)
		put_member(out, &fields[i], m);
	uint32_t len = (uint32_t)(out->len - start);
	memcpy(out->p + start + 4, &len, 4);
}

/* ---- decoding ---- */

/* The rows are in the order of their tags. */
static const struct field *field_of(uint16_t tag)
{
	size_t low = 0, high = COUNT(fields);
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (fields[middle].tag == tag)
			return &fields[middle];
		if (fields[middle].tag < tag)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct cursor {
	const char *p, *end;
};

/* The next field; false at the end or when it does not fit (then p != end). */
static bool next_field(struct cursor *c, uint16_t *tag, const char **bytes, size_t *len)
{
	uint32_t len32;
	if (c->end - c->p < FIELD_HEAD_LEN)
		return false;
	memcpy(tag, c->p, 2);
	memcpy(&len32, c->p + 2, 4);
	if (len32 > (size_t)(c->end - c->p - FIELD_HEAD_LEN))
		return false;
	*bytes = c->p + FIELD_HEAD_LEN;
	*len = len32;
	c->p = *bytes + len32;
	return true;
}

static bool is_text(const char *bytes, size_t len)
{
	return len > 0 && memchr(bytes, '\0', len) == bytes + len - 1;
}

/* Whether the bytes fit the kind; also counts the pointers that lists need. */
static bool field_fits(const struct field *f, const char *bytes, size_t len)
{
	switch ((enum field_kind)f->kind) {
	case FIELD_I64:
		return len == 8;
	case FIELD_I32:
		return len == 4;
	case FIELD_BOOL:
		return len == 1;
	case FIELD_TEXT:
	case FIELD_LIST:
		return is_text(bytes, len);
	case FIELD_BYTES:
		return len > 0 && bytes[len - 1] == '\0';
	}
	return false;
}

static void take_field(const struct field *f, const char *bytes, size_t len, struct proto_message *m)
{
	char *at = (char *)m + f->at;
	switch ((enum field_kind)f->kind) {
	case FIELD_I64:
	case FIELD_I32:
		memcpy(at, bytes, len);
		break;
	case FIELD_BOOL:
		*(bool *)(void *)at = bytes[0] != 0;
		break;
	case FIELD_TEXT:
		memcpy(at, &bytes, sizeof(bytes));
		break;
	case FIELD_BYTES:
		memcpy(at, &bytes, sizeof(bytes));
		len--;
		memcpy((char *)m + f->len_at, &len, sizeof(len));
		break;
	case FIELD_LIST: /* see take_lists() */
		break;
	}
}

/* Collect the elements of each list into one array, in order, ended by NULL. */
static void take_lists(const char *body, const char *end, const char **pointers,
		       struct proto_message *m)
{
	for (size_t i = 0; i < COUNT(fields); i++) {
		if (fields[i].kind != FIELD_LIST)
			continue;
		struct cursor c = { body, end };
		const char **first = pointers, *bytes;
		uint16_t tag;
		size_t len;
		while (next_field(&c, &tag, &bytes, &len))
			if (tag == fields[i].tag)
				*pointers++ = bytes;
		if (pointers == first)
			continue;
		*pointers++ = NULL;
		memcpy((char *)m + fields[i].at, &first, sizeof(first));
	}
}

static bool values_fit(const struct proto_message *m)
{
	return m->result.class >= CLASS_NONE && m->result.class < CLASS_COUNT &&
	       m->hello.phase >= WORKER_IDLE && m->hello.phase <= WORKER_DONE;
}

enum err_code proto_decode(const void *bytes, size_t len, struct proto_message *ret, struct err *err)
{
	const unsigned char *head = bytes;
	uint32_t total;
	if (len < HEAD_LEN || head[0] != 'P' || head[1] != 'W')
		return err_set(err, ERR_CORRUPT, _("not a message between engine and worker"));
	if (head[2] == 0 || head[2] > PROTO_VERSION)
		return err_set(err, ERR_VERSION, _("a message of protocol version %u; known is %d"),
			       (unsigned int)head[2], PROTO_VERSION);
	memcpy(&total, head + 4, 4);
	if (total != len || len > PROTO_MESSAGE_MAX)
		return err_set(err, ERR_CORRUPT, _("a message of %zu bytes says that it has %u"), len,
			       total);

	struct cursor c = { (const char *)bytes + HEAD_LEN, (const char *)bytes + len };
	size_t npointers = 0, body_len = len - HEAD_LEN, field_len;
	const char *field;
	uint16_t tag;
	while (next_field(&c, &tag, &field, &field_len)) {
		const struct field *f = field_of(tag);
		if (f && !field_fits(f, field, field_len))
			return err_set(err, ERR_CORRUPT, _("field %u of a message is damaged"),
				       (unsigned int)tag);
		npointers += f && f->kind == FIELD_LIST;
	}
	if (c.p != c.end)
		return err_set(err, ERR_CORRUPT, _("a message ends in the middle of a field"));

	/* Pointers first, so that they are aligned; three lists, each with its NULL. */
	size_t pointer_bytes = (npointers + 3) * sizeof(char *);
	char *storage = xmalloc(pointer_bytes + body_len);
	char *body = storage + pointer_bytes;
	memcpy(body, (const char *)bytes + HEAD_LEN, body_len);
	*ret = (struct proto_message){ .type = (enum proto_type)head[3], .storage = storage };
	c = (struct cursor){ body, body + body_len };
	while (next_field(&c, &tag, &field, &field_len)) {
		const struct field *f = field_of(tag);
		if (f)
			take_field(f, field, field_len, ret);
	}
	if (npointers)
		take_lists(body, body + body_len, (const char **)(void *)storage, ret);
	if (values_fit(ret))
		return ERR_OK;
	proto_done(ret);
	return err_set(err, ERR_CORRUPT, _("a message holds a value that is out of range"));
}

void proto_done(struct proto_message *m)
{
	free(m->storage);
	*m = (struct proto_message){ 0 };
}

/* ---- the socket ---- */

static enum err_code send_fault(struct err *err)
{
	if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
		return err_sys(err, ERR_UNAVAILABLE, _("the other side is gone"));
	int saved = errno;
	enum err_code code = err_sys(err, ERR_IO, _("cannot send a message"));
	errno = saved; /* promised to the caller */
	return code;
}

/* send() never raises SIGPIPE here. */
static bool send_packet(int fd, const void *bytes, size_t len, int pass_fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (pass_fd >= 0) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n >= 0;
}

static enum err_code send_large(int fd, const void *bytes, size_t len, struct err *err)
{
	int memfd = memfd_create("pawl-message", MFD_CLOEXEC);
	if (memfd < 0 || !fs_write_all(memfd, bytes, len)) {
		int saved = errno;
		if (memfd >= 0)
			(void)close(memfd);
		errno = saved;
		return send_fault(err);
	}
	uint64_t size = len;
	uint32_t total = HEAD_LEN + sizeof(size);
	char packet[HEAD_LEN + sizeof(size)] = { 'P', 'W', PROTO_VERSION, (char)PACKET_MEMFD };
	memcpy(packet + 4, &total, 4);
	memcpy(packet + HEAD_LEN, &size, sizeof(size));
	bool sent = send_packet(fd, packet, sizeof(packet), memfd);
	int saved = errno;
	(void)close(memfd);
	errno = saved;
	return sent ? ERR_OK : send_fault(err);
}

enum err_code proto_send_bytes(int fd, const void *bytes, size_t len, struct err *err)
{
	if (len > PROTO_MESSAGE_MAX)
		return err_set(err, ERR_TOO_LARGE, _("a message of %zu bytes; at most %d are allowed"), len,
			       PROTO_MESSAGE_MAX);
	if (len > PROTO_PACKET_MAX)
		return send_large(fd, bytes, len, err);
	return send_packet(fd, bytes, len, -1) ? ERR_OK : send_fault(err);
}

enum err_code proto_send(int fd, const struct proto_message *m, struct err *err)
{
	auto_str bytes = STR_INIT;
	proto_encode(m, &bytes);
	return proto_send_bytes(fd, bytes.p, bytes.len, err);
}

/* A message that came as a file: read, not mapped, so that its sender cannot cut it under us. */
static enum err_code recv_large(int memfd, uint64_t size, struct proto_message *ret, struct err *err)
{
	struct stat st;
	if (size > PROTO_MESSAGE_MAX || fstat(memfd, &st) || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != size)
		return err_set(err, ERR_CORRUPT, _("a large message does not fit its announcement"));
	auto_free char *bytes = xmalloc(size);
	for (size_t have = 0; have < size;) {
		ssize_t n = pread(memfd, bytes + have, size - have, (off_t)have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(err, ERR_CORRUPT, _("a large message could not be read"));
		have += (size_t)n;
	}
	return proto_decode(bytes, size, ret, err);
}

/* The first file that came along; others are closed. -1 if none came. */
static int passed_fd(struct msghdr *msg)
{
	int found = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (found < 0)
				found = fd;
			else
				(void)close(fd);
		}
	}
	return found;
}

enum err_code proto_recv(int fd, struct proto_message *ret, struct err *err)
{
	char packet[PROTO_PACKET_MAX];
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = packet, .iov_len = sizeof(packet) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.room,
			      .msg_controllen = sizeof(control.room) };
	ssize_t n;
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return err_set(err, ERR_UNAVAILABLE, _("the other side is gone"));
	if (n < 0 && errno == EAGAIN)
		return err_set(err, ERR_TIMEOUT, _("no message is waiting"));
	if (n < 0)
		return err_sys(err, ERR_UNAVAILABLE, _("cannot receive a message"));

	int memfd = passed_fd(&msg);
	enum err_code code;
	uint64_t size;
	if (msg.msg_flags & MSG_TRUNC) {
		code = err_set(err, ERR_CORRUPT, _("a packet is larger than %d bytes"),
			       PROTO_PACKET_MAX);
	} else if (memfd >= 0 && n == HEAD_LEN + sizeof(size) && packet[0] == 'P' &&
		   packet[1] == 'W' && (unsigned char)packet[3] == PACKET_MEMFD) {
		memcpy(&size, packet + HEAD_LEN, sizeof(size));
		code = recv_large(memfd, size, ret, err);
	} else {
		code = proto_decode(packet, (size_t)n, ret, err);
	}
	if (memfd >= 0)
		(void)close(memfd);
	return code;
}

void step_token(struct str *s, const char *home, int64_t token)
{
	str_add_i64(s, token);
	str_add_char(s, ':');
	str_add(s, home);
}

/* ---- exit records ---- */

enum err_code exit_record_write(const char *home, const struct step_result *r, struct err *err)
{
	auto_free char *folder = xasprintf("%s/spool", home);
	enum err_code code = fs_mkdirs(folder, 0700, err);
	if (code)
		return code;
	auto_free char *path = xasprintf("%s/%" PRId64 ".exit", folder, r->key.token);
	struct proto_message m = { .type = MSG_RESULT, .key = r->key, .result = *r };
	auto_str bytes = STR_INIT;
	proto_encode(&m, &bytes);
	return fs_write(path, bytes.p, bytes.len, 0600, err);
}

enum err_code exit_record_read(const char *path, struct proto_message *ret, struct err *err)
{
	auto_free char *bytes = NULL;
	size_t len;
	enum err_code code = fs_read(path, PROTO_MESSAGE_MAX, &bytes, &len, err);
	if (!code)
		code = proto_decode(bytes, len, ret, err);
	if (code)
		return code;
	if (ret->type == MSG_RESULT)
		return ERR_OK;
	proto_done(ret);
	return err_set(err, ERR_CORRUPT, _("%s is not an exit record"), path);
}
