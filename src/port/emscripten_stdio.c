/*
 * The C library's standard streams, for threads that may be killed at any instruction. A stream's lock holds the number of the thread
 * that took it, so it can be opened when that thread is dead.
 */
#define _GNU_SOURCE
#define hidden                                                                                     \
  __attribute__((__visibility__("hidden"))) /* as the C library defines them for its own sources */
#define weak __attribute__((__weak__))
#include "pthread_impl.h"
#include "stdio_impl.h"

#include "port/emscripten_stdio.h"
#include "port/port.h"

enum { STREAMS = 3 };

/* The streams that the program uses: the C library defines each of these together with its stream. */
weak FILE *volatile __stdin_used = NULL;
weak FILE *volatile __stdout_used = NULL;
weak FILE *volatile __stderr_used = NULL;

/* A stream and its original buffer; the C library may put another one in its place while it prints. */
typedef struct stream {
  FILE *file;
  unsigned char *buffer;
  size_t bytes;
} stream;

static stream streams[STREAMS];

void wp_port_streams_open(void) {
  FILE *files[STREAMS] = {__stdin_used, __stdout_used, __stderr_used};
  for (int i = 0; i < STREAMS; i++) {
    FILE *file = files[i];
    if (!file || streams[i].file) continue;
    streams[i] = (stream){file, file->buf, file->buf_size};
    if (file->lock < 0) file->lock = 0; /* as the library does at its first pthread_create */
  }
}

/* ---- After a task ---- */

void wp_port_flush(void) {
  for (int i = 0; i < STREAMS; i++) {
    FILE *file = streams[i].file;
    /* Checked without the lock: whatever this task has printed, its own thread sees. */
    if (!file || file->wpos == file->wbase) continue;
    FLOCK(file);
    if (file->wpos != file->wbase) file->write(file, NULL, 0);
    file->wpos = file->wbase = file->wend = NULL; /* as after fflush */
    FUNLOCK(file);
  }
}

/* ---- After a death ---- */

/* The C library may have been in the middle of a change of it. */
static void renew(const stream *stream) {
  FILE *file = stream->file;
  file->wpos = file->wbase = file->wend = NULL; /* drops what it had not passed on yet */
  file->rpos = file->rend = NULL;
  file->buf = stream->buffer;
  file->buf_size = stream->bytes;
}

bool wp_port_stream_release(void *stream, uint32_t thread) {
  FILE *file = stream;
  if ((file->lock & ~MAYBE_WAITERS) != WP_FIRST_TID + (int)thread) return false;
  for (int i = 0; i < STREAMS; i++)
    if (streams[i].file == file) renew(&streams[i]);
  file->lockcount = 0;
  wp_port_stream_unlock(file);
  return true;
}

void wp_port_stream_unlock(void *stream) {
  FILE *file = stream;
  a_store(&file->lock, 0);
  wp_port_wake((wp_atomic_u32 *)(void *)&file->lock, 1);
}

void wp_port_thread_reset(uint32_t thread) {
  struct pthread *self = __pthread_self();
  if (self->tid == WP_FIRST_TID + (int)thread) self->stdio_locks = NULL;
  for (int i = 0; i < STREAMS; i++)
    if (streams[i].file) wp_port_stream_release(streams[i].file, thread);
}
